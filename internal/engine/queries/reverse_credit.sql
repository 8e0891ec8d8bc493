-- Credits of campaign $1 in a range of keys. Uses credit_pkey.
SELECT user_id, purchase_id, reward, beneficiary_id, currency, amount
  FROM referral.credit
 WHERE campaign = $1 AND (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5));
