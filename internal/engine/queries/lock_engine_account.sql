-- Locks the engine's rows of these accounts in the order of their keys.
-- Uses engine_account_pkey.
INSERT INTO referral.engine_account AS a (beneficiary_id, currency)
SELECT beneficiary_id, currency
  FROM unnest($1::text[], $2::text[]) AS account(beneficiary_id, currency)
 ORDER BY beneficiary_id COLLATE "C", currency COLLATE "C"
    ON CONFLICT (beneficiary_id, currency) DO UPDATE SET held = a.held;
