-- Reads what an erasure needs of purchases that could not be loaded, at most $2: the hash, and
-- whether the condition held as far as the pair shows.
-- Uses purchase_pkey and pair_pkey.
SELECT p.purchase_id,
       referral.hash_of_purchase(p.purchase_id, p.amount, p.currency, p.purchased_at, p.arrived_at, p.attributes, p.blanked, p.condition_held),
       EXISTS (SELECT FROM referral.pair AS r
                WHERE r.user_id = p.user_id AND r.purchase_id = p.purchase_id AND r.ordinal > 0)
  FROM referral.purchase AS p
 WHERE p.user_id = $1 AND NOT p.blanked
 ORDER BY p.purchase_id
 LIMIT $2;
