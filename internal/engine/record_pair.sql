-- Pairs that count for the first time, in the order in which they are admitted.
INSERT INTO referral.pair
       (user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
        qualified_at, matures_at, state, reason, due_at)
SELECT user_id, purchase_id, campaign, referrer_id, revision, nextval('referral.admission_order'), ordinal,
       qualified_at, matures_at, state, reason, due_at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[],
              $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::timestamptz[])
       AS decided(user_id, purchase_id, campaign, referrer_id, revision, ordinal,
                  qualified_at, matures_at, state, reason, due_at);
