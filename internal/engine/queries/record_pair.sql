-- Inserts pairs that are recorded for the first time. Uses no index.
INSERT INTO referral.pair
       (user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
        qualified_at, matures_at, state, reason, allowed, credits, checksum)
SELECT user_id, purchase_id, campaign, referrer_id, revision, admission_order, nullif(ordinal, 0),
       qualified_at, matures_at, state, reason, allowed, credits,
       referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, nullif(ordinal, 0),
                             qualified_at, matures_at, now(), allowed, state, reason, credits) -- counted_at is now() by default
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @campaigns::text[], @referrer_ids::text[], @revisions::int[], @admission_orders::bigint[], @ordinals::bigint[],
              @qualified_at::timestamptz[], @matures_at::timestamptz[], @states::text[], @reasons::text[], @allowed::bool[], @credits::int[])
       AS decided(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                  qualified_at, matures_at, state, reason, allowed, credits);
