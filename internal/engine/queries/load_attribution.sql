-- Reads attributions. Verifies checksums only if $2.
-- Uses attribution_pkey.
SELECT user_id, campaign, code, referrer_id, label, touched_at, source, coalesce(visitor_id, ''), coalesce(touch_id, ''),
       facts, via, pairs,
       CASE WHEN $2::bool THEN checksum IS NOT DISTINCT FROM referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at,
                                                                                      source, visitor_id, touch_id) ELSE true END AS intact,
       checksum IS NOT DISTINCT FROM 0 AS unchecked
  FROM referral.attribution
 WHERE user_id = ANY ($1);
