-- Finds how many of the signups that erase_list enqueued have been decided since: at most $3, after
-- those of the last step, up to the first one that is still in the change queue.
-- Uses signup_visitor and change_key.
WITH portion AS (
    SELECT s.user_id,
           s.user_id <> $1 AND EXISTS (SELECT FROM referral.change AS c
                                        WHERE c.shard = referral.shard_of(s.user_id) AND c.key = s.user_id AND c.kind = 'Fix') AS pending
      FROM referral.erasing_visitor AS v
      JOIN referral.signup AS s ON s.visitor_id = v.visitor_id AND s.user_id > v.settled_after AND s.user_id <= v.listed_after
     WHERE v.user_id = $1 AND v.visitor_id = $2
     ORDER BY s.user_id
     LIMIT $3
), first AS (
    SELECT min(user_id) AS user_id FROM portion WHERE pending
)
UPDATE referral.erasing_visitor AS v
   SET settled_after = coalesce((SELECT max(p.user_id) FROM portion AS p, first WHERE first.user_id IS NULL OR p.user_id < first.user_id), settled_after),
       settled = (SELECT user_id IS NULL FROM first) AND (SELECT count(*) FROM portion) < $3
 WHERE user_id = $1 AND visitor_id = $2
RETURNING settled, (SELECT user_id IS NOT NULL FROM first) AS pending;
