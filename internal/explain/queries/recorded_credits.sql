-- Reads what purchases ($2) of a user ($1) earn, at most $3 credits. Uses credit_pkey.
SELECT purchase_id, reward, beneficiary_id, amount, currency
  FROM referral.credit
 WHERE user_id = $1 AND purchase_id = ANY ($2)
 ORDER BY purchase_id, reward
 LIMIT $3
