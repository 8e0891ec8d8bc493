-- Rides on purchase_pkey. Attributes only where $2 says that a condition may ask
-- for them; of larger ones only so much that it is seen that they are too large.
SELECT user_id, purchase_id, amount, currency, purchased_at, arrived_at, blanked, coalesce(condition_held, false),
       CASE WHEN $2 THEN left(attributes::text, 65537) END,
       referral.hash_of_purchase(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held)
  FROM referral.purchase
 WHERE user_id = ANY ($1);
