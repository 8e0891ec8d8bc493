-- Finds the last user_id of a range that begins at $1 and has at most $2 attributions, pairs and
-- ledger entries, unless one referee has more (null: there is no row), and reports whether it is
-- the last range and whether changes wait to be decided. Credits and the waitlist have few rows per
-- pair. Uses attribution_pkey, pair_pkey, credit_pkey, ledger_pkey and waitlist_pkey.
WITH range AS MATERIALIZED (
    SELECT least((SELECT user_id FROM referral.attribution WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
                 (SELECT user_id FROM referral.pair        WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
                 (SELECT user_id FROM referral.ledger      WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1)) AS last
)
SELECT coalesce(last, greatest((SELECT max(user_id) FROM referral.attribution),
                               (SELECT max(user_id) FROM referral.pair),
                               (SELECT max(user_id) FROM referral.credit),
                               (SELECT max(user_id) FROM referral.ledger),
                               (SELECT max(user_id) FROM referral.waitlist))),
       last IS NULL,
       EXISTS (SELECT FROM referral.change)
  FROM range;
