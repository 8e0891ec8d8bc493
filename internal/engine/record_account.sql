-- Carries ledger entries and held credits over to their accounts, locking
-- accounts by key.
-- What is held as before cancels out, and writes nothing.
-- Rides on account_pkey.
INSERT INTO referral.account AS a (beneficiary_id, currency, available, held)
SELECT beneficiary_id, currency, sum(available), sum(held)
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
       AS delta(beneficiary_id, currency, available, held)
 GROUP BY beneficiary_id, currency
HAVING (sum(available), sum(held)) <> (0, 0)
 ORDER BY beneficiary_id, currency
    ON CONFLICT (beneficiary_id, currency) DO UPDATE
   SET available = a.available + excluded.available, held = a.held + excluded.held;
