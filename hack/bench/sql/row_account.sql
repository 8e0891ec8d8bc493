-- Adds $5.00 to a referrer's account, one statement per pair. Uses engine_account_pkey.
INSERT INTO referral.engine_account AS a (beneficiary_id, currency, earned)
VALUES ($1, 'USD', 500)
    ON CONFLICT (beneficiary_id, currency) DO UPDATE SET earned = a.earned + excluded.earned;
