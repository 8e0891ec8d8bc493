-- Reads what was given so far, per key that a correction may change.
-- Uses ledger_pkey.
SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, sum(amount)::bigint, max(seq)
  FROM referral.ledger
 WHERE user_id = ANY ($1)
 GROUP BY user_id, purchase_id, reward, campaign, beneficiary_id, currency;
