-- Rides on purchase_pkey.
SELECT user_id, purchase_id, amount, currency, purchased_at, arrived_at
  FROM referral.purchase
 WHERE user_id = ANY ($1);
