-- Reads purchases. Reads attributes only if $2 (a condition may use them), and of larger ones only
-- as much as shows that they are too large.
-- Uses purchase_pkey.
SELECT user_id, purchase_id, amount, currency, purchased_at, arrived_at, blanked, coalesce(condition_held, false),
       CASE WHEN $2 THEN left(attributes::text, 65537) END,
       referral.hash_of_purchase(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held)
  FROM referral.purchase
 WHERE user_id = ANY ($1);
