-- Expands visitors. A visitor reaches its signups, also those with a typed code, which may name no
-- link. A step enqueues at most @limit referees per visitor, after those of the last step.
-- Uses signup_visitor.
WITH reached AS (
    SELECT v.key AS visitor_id, s.user_id
      FROM unnest(@keys::text[], @resume_after::text[]) AS v(key, resume_after)
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.signup
                          WHERE visitor_id = v.key AND user_id > v.resume_after
                          ORDER BY user_id
                          LIMIT @limit) AS s
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM reached
UNION ALL
SELECT referral.shard_of(visitor_id), 'Visitor', visitor_id, max(user_id)
  FROM reached GROUP BY visitor_id HAVING count(*) = @limit;
