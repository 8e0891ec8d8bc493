-- Lists a referrer's links after a code, with the numbers of their touches and actions.
-- Uses link_referrer, touch_code and action_code.
SELECT l.code, l.campaign, l.referrer_id, l.label, l.destination, l.expires_at, l.created_at, l.disabled_at,
       (SELECT count(*) FROM referral.touch AS t WHERE referral.normal_code(t.code) = l.code COLLATE "default"),
       (SELECT coalesce(jsonb_object_agg(done.action, done.times), '{}')
          FROM (SELECT a.action, count(*) AS times FROM referral.action AS a WHERE a.code = l.code GROUP BY a.action) AS done)
  FROM referral.link AS l
 WHERE l.referrer_id = $1 AND l.code > $2
 ORDER BY l.code
 LIMIT $3;
