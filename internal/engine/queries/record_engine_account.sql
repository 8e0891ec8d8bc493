-- Adds ledger entries and held credits to the engine's rows of their accounts, locking
-- them by key. What cancels out, such as a credit that is held as before, writes
-- nothing. Uses engine_account_pkey.
INSERT INTO referral.engine_account AS a (beneficiary_id, currency, earned, held)
SELECT beneficiary_id, currency, sum(earned), sum(held)
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
       AS delta(beneficiary_id, currency, earned, held)
 GROUP BY beneficiary_id, currency
HAVING (sum(earned), sum(held)) <> (0, 0)
 ORDER BY beneficiary_id, currency
    ON CONFLICT (beneficiary_id, currency) DO UPDATE
   SET earned = a.earned + excluded.earned, held = a.held + excluded.held;
