-- A code reaches the signups that typed it, then the visitors that came through
-- it: at most $3 of each key a step. A visitor with one signup is replaced by that
-- referee, one with several is expanded on its own, one with none reaches nothing.
-- resume_after says how far the expansion came: 'signup ' and the last user_id,
-- then 'visitor ' and the last visitor_id.
-- Uses signup_code, touch_code and signup_visitor: one probe for each visitor,
-- however many touches it has.
WITH RECURSIVE code AS (
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
    SELECT code.key, t.visitor_id, 1 AS visitors
      FROM code
     CROSS JOIN LATERAL (SELECT visitor_id
                           FROM referral.touch
                          WHERE referral.normal_code(touch.code) = code.key AND visitor_id > code.last_visitor
                          ORDER BY visitor_id
                          LIMIT 1) AS t
     WHERE code.key NOT IN (SELECT key FROM unfinished)
    UNION ALL
    SELECT came.key, t.visitor_id, came.visitors + 1
      FROM came
     CROSS JOIN LATERAL (SELECT visitor_id
                           FROM referral.touch
                          WHERE referral.normal_code(touch.code) = came.key AND visitor_id > came.visitor_id
                          ORDER BY visitor_id
                          LIMIT 1) AS t
     WHERE came.visitors < $3
), reached AS (
    SELECT came.visitor_id, min(s.user_id) AS user_id, count(*) AS signups
      FROM (SELECT DISTINCT visitor_id FROM came) AS came
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.signup
                          WHERE signup.visitor_id = came.visitor_id
                          ORDER BY user_id
                          LIMIT 2) AS s
     GROUP BY came.visitor_id
)
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM typed
UNION ALL
SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM reached WHERE signups = 1
UNION ALL
SELECT referral.shard_of(visitor_id), 'Visitor', visitor_id, '' FROM reached WHERE signups > 1
UNION ALL
SELECT referral.shard_of(key), 'Code', key, 'signup ' || max(user_id)
  FROM typed GROUP BY key HAVING count(*) = $3
UNION ALL
SELECT referral.shard_of(key), 'Code', key, 'visitor ' || max(visitor_id)
  FROM came GROUP BY key HAVING count(*) = $3;
