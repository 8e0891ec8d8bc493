-- Locks the writers' rows of these accounts and returns their keys. Skips rows that a writer has
-- locked.
-- Uses writer_account_pkey.
SELECT w.beneficiary_id, w.currency
  FROM unnest($1::text[], $2::text[]) AS n(beneficiary_id, currency)
  JOIN referral.writer_account AS w ON w.beneficiary_id = n.beneficiary_id AND w.currency = n.currency
   FOR NO KEY UPDATE OF w SKIP LOCKED;
