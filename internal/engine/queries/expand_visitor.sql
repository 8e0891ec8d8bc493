-- A visitor reaches the signups made as that visitor, with a typed code too, which
-- may name no link: at most $3 of each key a step, onwards from where the last step
-- ended.
-- Rides on signup_visitor.
WITH reached AS (
    SELECT v.key AS visitor_id, s.user_id
      FROM unnest($1::text[], $2::text[]) AS v(key, resume_after)
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.signup
                          WHERE visitor_id = v.key AND user_id > v.resume_after
                          ORDER BY user_id
                          LIMIT $3) AS s
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM reached
UNION ALL
SELECT referral.shard_of(visitor_id), 'Visitor', visitor_id, max(user_id)
  FROM reached GROUP BY visitor_id HAVING count(*) = $3;
