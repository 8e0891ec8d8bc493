-- Reads the balances of a beneficiary.
-- Uses engine_account_pkey and writer_account_pkey.
SELECT currency, available::text, held::text
  FROM referral.balance WHERE beneficiary_id = $1
 ORDER BY currency;
