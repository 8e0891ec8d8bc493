-- What somebody has, by currency.
-- Rides on account_pkey.
SELECT currency, available::text, held::text
  FROM referral.balance WHERE beneficiary_id = $1
 ORDER BY currency;
