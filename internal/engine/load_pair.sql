-- Rides on pair_pkey.
SELECT user_id, purchase_id, campaign, referrer_id, revision, admission_order, coalesce(ordinal, 0),
       qualified_at, matures_at, counted_at, allowed, needs, state, reason, due_at,
       seal IS NOT DISTINCT FROM referral.seal_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                                       qualified_at, matures_at, counted_at, allowed, state, reason, credits) AS sealed,
       seal IS NOT DISTINCT FROM 0 AS before_seals, credits
  FROM referral.pair
 WHERE user_id = ANY ($1);
