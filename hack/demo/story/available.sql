-- $1 beneficiary_id. What somebody has in US dollars, in cents. Rides on the
-- key of account.
SELECT coalesce(sum(available), 0)::bigint
  FROM referral.balance
 WHERE beneficiary_id = $1
   AND currency = 'USD';
