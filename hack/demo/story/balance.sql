-- What everybody has. Rides on the key of account, as an application's own
-- query for one beneficiary would.
SELECT *, round(available / 100.0, 2) AS dollars FROM referral.balance ORDER BY beneficiary_id;
