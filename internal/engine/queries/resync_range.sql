-- Finds the last user_id of a range after $1 with at most $2 rows of each table of facts, and of each
-- table of results that may have more, unless one user has more; null: the range has no end. A range
-- of 1 is one user.
-- Uses signup_pkey, purchase_pkey, refund_pkey, override_pkey, erasure_pkey, attribution_pkey,
-- pair_pkey and ledger_pkey.
SELECT least((SELECT user_id FROM referral.signup      WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
             (SELECT user_id FROM referral.purchase    WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
             (SELECT user_id FROM referral.refund      WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
             (SELECT user_id FROM referral.override    WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
             (SELECT user_id FROM referral.erasure     WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
             (SELECT user_id FROM referral.attribution WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
             (SELECT user_id FROM referral.pair        WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
             (SELECT user_id FROM referral.ledger      WHERE user_id > $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1));
