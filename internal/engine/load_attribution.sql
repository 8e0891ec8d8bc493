-- Rides on attribution_pkey.
SELECT user_id, campaign, code, referrer_id, label, touched_at, source, coalesce(visitor_id, ''), coalesce(touch_id, ''),
       facts, via, pairs,
       seal IS NOT DISTINCT FROM referral.seal_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id) AS sealed,
       seal IS NOT DISTINCT FROM 0 AS before_seals
  FROM referral.attribution
 WHERE user_id = ANY ($1);
