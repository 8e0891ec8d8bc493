-- Enqueues the other signups of a visitor ($2) of the user $1, so that each keeps its attribution:
-- at most $3, onwards from where the last step ended. Uses signup_visitor.
WITH portion AS (
    SELECT s.user_id
      FROM referral.erasing_visitor AS v
      JOIN referral.signup AS s ON s.visitor_id = v.visitor_id AND s.user_id > v.listed_after
     WHERE v.user_id = $1 AND v.visitor_id = $2
     ORDER BY s.user_id
     LIMIT $3
), enqueued AS (
    INSERT INTO referral.change (shard, kind, key)
    SELECT referral.shard_of(user_id), 'Fix', user_id FROM portion WHERE user_id <> $1
)
UPDATE referral.erasing_visitor
   SET listed_after = coalesce((SELECT max(user_id) FROM portion), listed_after),
       listed = (SELECT count(*) FROM portion) < $3
 WHERE user_id = $1 AND visitor_id = $2
RETURNING listed;
