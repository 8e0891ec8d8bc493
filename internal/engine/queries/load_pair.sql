-- Reads pairs with their rows on the waitlist. Verifies checksums only if $2.
-- Uses pair_pkey and waitlist_pkey.
SELECT p.user_id, p.purchase_id, p.campaign, p.referrer_id, p.revision, p.admission_order, coalesce(p.ordinal, 0),
       p.qualified_at, p.matures_at, p.counted_at, p.allowed, p.state, p.reason, p.postponed,
       CASE WHEN $2::bool THEN p.checksum IS NOT DISTINCT FROM referral.checksum_of_pair(p.user_id, p.purchase_id, p.campaign, p.referrer_id, p.revision,
                                                                                 p.admission_order, p.ordinal, p.qualified_at, p.matures_at,
                                                                                 p.counted_at, p.allowed, p.state, p.reason, p.credits) ELSE true END AS intact,
       p.checksum IS NOT DISTINCT FROM 0 AS unchecked, p.credits,
       w.user_id IS NOT NULL, coalesce(w.campaign, ''), coalesce(w.referrer_id, ''), coalesce(w.admission_order, 0), coalesce(w.growing, false),
       coalesce(w.least_need, 0), coalesce(w.tier_starts, '{}'), coalesce(w.tier_needs, '{}'), coalesce(w.edit, 0), coalesce(w.passed_over, false),
       CASE WHEN $2::bool THEN w.checksum IS NOT DISTINCT FROM referral.checksum_of_waiting(w.user_id, w.purchase_id, w.campaign, w.referrer_id,
                                                                                            w.admission_order, w.growing, w.least_need, w.tier_starts,
                                                                                            w.tier_needs, w.edit) ELSE true END AS intact
  FROM referral.pair AS p
  LEFT JOIN referral.waitlist AS w ON w.user_id = p.user_id AND w.purchase_id = p.purchase_id
 WHERE p.user_id = ANY ($1);
