-- Reads the sum of refunds of each purchase. A sum beyond bigint is read as the largest bigint,
-- which no purchase exceeds.
-- Uses refund_pkey.
SELECT user_id, purchase_id, least(sum(amount), 9223372036854775807)::bigint,
       bit_xor(referral.hash_of_refund(purchase_id, refund_id, amount))
  FROM referral.refund
 WHERE user_id = ANY ($1)
 GROUP BY user_id, purchase_id;
