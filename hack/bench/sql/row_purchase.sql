-- Finds a referee's first purchase with a net above zero.
-- Uses purchase_pkey and refund_pkey.
SELECT p.purchase_id, p.purchased_at
  FROM referral.purchase AS p
 WHERE p.user_id = $1 AND p.purchased_at >= $2
   AND p.amount > (SELECT coalesce(sum(r.amount), 0)
                     FROM referral.refund AS r
                    WHERE r.user_id = p.user_id AND r.purchase_id = p.purchase_id)
 ORDER BY p.purchased_at, p.purchase_id
 LIMIT 1;
