-- Refunds add up per purchase; a sum beyond bigint is as good as its limit,
-- since no purchase is above that.
-- Rides on refund_pkey.
SELECT user_id, purchase_id, least(sum(amount), 9223372036854775807)::bigint,
       bit_xor(referral.hash_of_refund(purchase_id, refund_id, amount))
  FROM referral.refund
 WHERE user_id = ANY ($1)
 GROUP BY user_id, purchase_id;
