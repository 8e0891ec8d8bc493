-- Enqueues the other signups of visitor $2 of the user $1, so that their attributions become fixed:
-- at most $3, after those of the last step.
-- Uses signup_visitor.
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
