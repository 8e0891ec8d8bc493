-- Touches of these visitors on links that exist.
-- Rides on touch_pkey and link_pkey.
SELECT t.visitor_id, t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at,
       referral.hash_of_touch(t.touch_id, t.touched_at, l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at)
  FROM referral.touch AS t
  JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
 WHERE t.visitor_id = ANY ($1);
