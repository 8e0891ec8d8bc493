-- Credits. Whether a checksum is right is asked only where $2 says so.
-- Uses credit_pkey.
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
       CASE WHEN $2::bool THEN seal IS NOT DISTINCT FROM referral.seal_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id,
                                                                                 currency, amount) ELSE true END AS sealed,
       seal IS NOT DISTINCT FROM 0 AS before_seals
  FROM referral.credit
 WHERE user_id = ANY ($1);
