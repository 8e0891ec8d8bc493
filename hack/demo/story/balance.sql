-- Lists the balance of every beneficiary. Reads both account tables, which have a few rows; a query
-- for one beneficiary uses engine_account_pkey and writer_account_pkey.
SELECT *, round(available / 100.0, 2) AS dollars FROM referral.balance ORDER BY beneficiary_id;
