-- Rides on attribution_pkey.
SELECT user_id, campaign, code, referrer_id, label, touched_at, source, coalesce(visitor_id, ''), coalesce(touch_id, '')
  FROM referral.attribution
 WHERE user_id = ANY ($1);
