-- Locks these accounts, by key. Rides on account_pkey.
INSERT INTO referral.account AS a (beneficiary_id, currency)
SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2
    ON CONFLICT (beneficiary_id, currency) DO UPDATE SET currency = excluded.currency;
