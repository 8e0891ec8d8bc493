-- Rides on credit_pkey.
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount
  FROM referral.credit
 WHERE user_id = ANY ($1);
