-- Rides on pair_pkey.
SELECT user_id, purchase_id, campaign, referrer_id, revision, admission_order, coalesce(ordinal, 0),
       qualified_at, matures_at, counted_at, allowed, needs, state, reason, due_at
  FROM referral.pair
 WHERE user_id = ANY ($1);
