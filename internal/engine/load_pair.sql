-- Rides on pair_pkey.
SELECT user_id, purchase_id, campaign, referrer_id, revision, ordinal, qualified_at, matures_at, state, reason, due_at
  FROM referral.pair
 WHERE user_id = ANY ($1);
