-- Reads one purchase as it is stored, with the columns of find_purchase.
-- Uses purchase_pkey.
SELECT user_id, purchase_id, amount, currency, purchased_at, nullif(attributes, '{}'), arrived_at, false, false
  FROM referral.purchase
 WHERE user_id = $1 AND purchase_id = $2;
