-- The balance of every beneficiary. Uses engine_account_pkey and writer_account_pkey, as an
-- application's own query for one beneficiary would.
SELECT *, round(available / 100.0, 2) AS dollars FROM referral.balance ORDER BY beneficiary_id;
