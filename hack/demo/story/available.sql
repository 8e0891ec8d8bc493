-- The available credit of a beneficiary ($1) in US cents. Uses engine_account_pkey and
-- writer_account_pkey.
SELECT coalesce(sum(available), 0)::bigint
  FROM referral.balance
 WHERE beneficiary_id = $1
   AND currency = 'USD';
