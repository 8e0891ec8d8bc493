-- Locks the engine's rows of these accounts, by key. Uses engine_account_pkey.
INSERT INTO referral.engine_account AS a (beneficiary_id, currency)
SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2
    ON CONFLICT (beneficiary_id, currency) DO UPDATE SET held = a.held;
