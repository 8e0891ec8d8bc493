-- Credits. Whether a checksum is right is asked only where $2 says so.
-- Uses credit_pkey.
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
       CASE WHEN $2::bool THEN checksum IS NOT DISTINCT FROM referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id,
                                                                                 currency, amount) ELSE true END AS sealed,
       checksum IS NOT DISTINCT FROM 0 AS before_checksums
  FROM referral.credit
 WHERE user_id = ANY ($1);
