-- Pairs of campaign $1 in a range of keys that have something to take back: credit, a place, or that
-- they once had it, which would decide about them when the campaign is declared again. Uses pair_pkey.
SELECT user_id, purchase_id, referrer_id, revision, admission_order, coalesce(ordinal, 0), qualified_at, matures_at, counted_at,
       allowed, state, reason
  FROM referral.pair
 WHERE campaign = $1 AND (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5))
   AND (state <> 'Reversed' OR ordinal IS NOT NULL);
