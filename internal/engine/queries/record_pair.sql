-- Pairs that count for the first time.
INSERT INTO referral.pair
       (user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
        qualified_at, matures_at, state, reason, allowed, credits, checksum)
SELECT user_id, purchase_id, campaign, referrer_id, revision, admission_order, nullif(ordinal, 0),
       qualified_at, matures_at, state, reason, allowed, credits,
       referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, nullif(ordinal, 0),
                             qualified_at, matures_at, now(), allowed, state, reason, credits) -- counted_at is now() by default
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bigint[],
              $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::bool[], $13::int[])
       AS decided(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                  qualified_at, matures_at, state, reason, allowed, credits);
