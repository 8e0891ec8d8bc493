-- A code reaches the signups that typed it in, then those of visitors who came
-- through it: at most $3 of each key a step. resume_after says how far it came:
-- 'signup ' and the last user_id, then 'visitor ' and the last visitor_id.
-- Rides on signup_code, touch_code and signup_visitor.
WITH code AS (
    SELECT c.key, c.resume_after,
           CASE WHEN c.resume_after LIKE 'signup %' THEN substr(c.resume_after, 8) ELSE '' END AS last_user,
           CASE WHEN c.resume_after LIKE 'visitor %' THEN substr(c.resume_after, 9) ELSE '' END AS last_visitor
      FROM unnest($1::text[], $2::text[]) AS c(key, resume_after)
), typed AS (
    SELECT code.key, s.user_id
      FROM code
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.signup
                          WHERE referral.normal_code(signup.code) = code.key AND user_id > code.last_user
                          ORDER BY user_id
                          LIMIT $3) AS s
     WHERE code.resume_after NOT LIKE 'visitor %'
), unfinished AS (
    SELECT key FROM typed GROUP BY key HAVING count(*) = $3
), came AS (
    SELECT code.key, t.visitor_id
      FROM code
     CROSS JOIN LATERAL (SELECT DISTINCT visitor_id
                           FROM referral.touch
                          WHERE referral.normal_code(touch.code) = code.key AND visitor_id > code.last_visitor
                          ORDER BY visitor_id
                          LIMIT $3) AS t
     WHERE code.key NOT IN (SELECT key FROM unfinished)
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM typed
UNION ALL
SELECT referral.shard_of(s.user_id), 'Referee', s.user_id, ''
  FROM came JOIN referral.signup AS s ON s.visitor_id = came.visitor_id
UNION ALL
SELECT referral.shard_of(key), 'Code', key, 'signup ' || max(user_id)
  FROM typed GROUP BY key HAVING count(*) = $3
UNION ALL
SELECT referral.shard_of(key), 'Code', key, 'visitor ' || max(visitor_id)
  FROM came GROUP BY key HAVING count(*) = $3;
