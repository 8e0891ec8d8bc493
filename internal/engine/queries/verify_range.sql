-- Finds the last user_id of a range that begins at $1 and has at most $2 rows of each verified table
-- (null: the range has no end), the number of attributed referees in the range, and whether changes
-- wait to be decided.
-- Uses attribution_pkey, pair_pkey, credit_pkey, ledger_pkey and waitlist_pkey.
WITH range AS (
    SELECT least((SELECT user_id FROM referral.attribution WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
                 (SELECT user_id FROM referral.pair        WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
                 (SELECT user_id FROM referral.credit      WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
                 (SELECT user_id FROM referral.ledger      WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1),
                 (SELECT user_id FROM referral.waitlist    WHERE user_id >= $1 ORDER BY user_id OFFSET $2 - 1 LIMIT 1)) AS last
)
SELECT last,
       (SELECT count(*) FROM referral.attribution WHERE user_id >= $1 AND (last IS NULL OR user_id <= last)),
       EXISTS (SELECT FROM referral.change)
  FROM range;
