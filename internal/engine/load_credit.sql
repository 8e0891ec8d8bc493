-- Rides on credit_pkey.
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
       seal IS NOT DISTINCT FROM referral.seal_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount) AS sealed,
       seal IS NOT DISTINCT FROM 0 AS before_seals
  FROM referral.credit
 WHERE user_id = ANY ($1);
