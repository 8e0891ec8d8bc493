-- Expands codes. A code reaches the signups that typed it, then the visitors with a touch of it:
-- the stages Signups and Visitors. A step enqueues at most @limit rows per code and stage, and the
-- code again at the stage that has more. Instead of a visitor with one signup that referee is
-- enqueued; a visitor with several is expanded on its own; a visitor without a signup reaches
-- nothing.
-- Uses signup_code, touch_code and signup_visitor: one probe per visitor, however many touches it
-- has.
WITH RECURSIVE code AS (
    SELECT c.key, c.stage,
           CASE c.stage WHEN 'Signups' THEN c.resume_after ELSE '' END AS last_user,
           CASE c.stage WHEN 'Visitors' THEN c.resume_after ELSE '' END AS last_visitor
      FROM unnest(@keys::text[], @stages::text[], @resume_after::text[]) AS c(key, stage, resume_after)
), typed AS (
    SELECT code.key, s.user_id
      FROM code
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.signup
                          WHERE referral.normal_code(signup.code) = code.key AND user_id > code.last_user
                          ORDER BY user_id
                          LIMIT @limit) AS s
     WHERE code.stage <> 'Visitors'
), more_signups AS (
    SELECT key FROM typed GROUP BY key HAVING count(*) = @limit
), visitor AS (
    SELECT code.key, t.visitor_id, 1 AS visitors
      FROM code
     CROSS JOIN LATERAL (SELECT visitor_id
                           FROM referral.touch
                          WHERE referral.normal_code(touch.code) = code.key AND visitor_id > code.last_visitor
                          ORDER BY visitor_id
                          LIMIT 1) AS t
     WHERE code.key NOT IN (SELECT key FROM more_signups)
    UNION ALL
    SELECT visitor.key, t.visitor_id, visitor.visitors + 1
      FROM visitor
     CROSS JOIN LATERAL (SELECT visitor_id
                           FROM referral.touch
                          WHERE referral.normal_code(touch.code) = visitor.key AND visitor_id > visitor.visitor_id
                          ORDER BY visitor_id
                          LIMIT 1) AS t
     WHERE visitor.visitors < @limit
), reached AS (
    SELECT v.visitor_id, min(s.user_id) AS user_id, count(*) AS signups
      FROM (SELECT DISTINCT visitor_id FROM visitor) AS v
     CROSS JOIN LATERAL (SELECT user_id
                           FROM referral.signup
                          WHERE signup.visitor_id = v.visitor_id
                          ORDER BY user_id
                          LIMIT 2) AS s
     GROUP BY v.visitor_id
)
INSERT INTO referral.change (shard, kind, key, stage, resume_after)
SELECT referral.shard_of(user_id), 'Referee', user_id, '', '' FROM typed
UNION ALL
SELECT referral.shard_of(user_id), 'Referee', user_id, '', '' FROM reached WHERE signups = 1
UNION ALL
SELECT referral.shard_of(visitor_id), 'Visitor', visitor_id, '', '' FROM reached WHERE signups > 1
UNION ALL
SELECT referral.shard_of(key), 'Code', key, 'Signups', max(user_id)
  FROM typed GROUP BY key HAVING count(*) = @limit
UNION ALL
SELECT referral.shard_of(key), 'Code', key, 'Visitors', max(visitor_id)
  FROM visitor GROUP BY key HAVING count(*) = @limit;
