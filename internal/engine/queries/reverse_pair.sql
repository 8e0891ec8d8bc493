-- Reads pairs of a campaign in a range of keys that have something to take back: credit, capacity,
-- or an ordinal from an earlier admission, which would decide about them when the campaign is
-- declared again.
-- Uses pair_pkey.
SELECT user_id, purchase_id, referrer_id, revision, admission_order, coalesce(ordinal, 0), qualified_at, matures_at, counted_at,
       allowed, state, reason
  FROM referral.pair
 WHERE campaign = @campaign AND (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase))
   AND (state <> 'Reversed' OR ordinal IS NOT NULL);
