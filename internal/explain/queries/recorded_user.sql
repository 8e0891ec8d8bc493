-- Reads the time, the signup of a user ($1), whether its code names a link, and the recorded
-- attribution. A column of what there is not is null. Uses signup_pkey, link_pkey and
-- attribution_pkey.
SELECT now(), s.signed_up_at, l.code IS NOT NULL,
       a.campaign, a.code, a.referrer_id, a.label, a.touched_at, a.source, coalesce(a.visitor_id, ''), coalesce(a.touch_id, '')
  FROM (VALUES ($1::text)) AS u(user_id)
  LEFT JOIN referral.signup AS s ON s.user_id = u.user_id
  LEFT JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
  LEFT JOIN referral.attribution AS a ON a.user_id = u.user_id
