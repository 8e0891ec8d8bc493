-- Adds ledger entries and held credits to the engine's rows of their accounts, one row per account,
-- and locks these in the order of their keys. Amounts that cancel out write nothing.
-- Uses engine_account_pkey.
INSERT INTO referral.engine_account AS a (beneficiary_id, currency, earned, held)
SELECT beneficiary_id, currency, earned, held
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
       AS delta(beneficiary_id, currency, earned, held)
 WHERE earned <> 0 OR held <> 0
 ORDER BY beneficiary_id COLLATE "C", currency COLLATE "C"
    ON CONFLICT (beneficiary_id, currency) DO UPDATE
   SET earned = a.earned + excluded.earned, held = a.held + excluded.held;
