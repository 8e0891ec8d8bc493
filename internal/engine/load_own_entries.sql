-- What a granted pair earns, told by the entries that the engine made: nothing
-- where all entries come to nothing.
-- Rides on ledger_pkey.
SELECT user_id, purchase_id, reward, beneficiary_id, currency, (sum(amount) FILTER (WHERE decided))::bigint
  FROM referral.ledger
 WHERE user_id = ANY ($1)
 GROUP BY user_id, purchase_id, reward, campaign, beneficiary_id, currency
HAVING sum(amount) FILTER (WHERE decided) > 0 AND sum(amount) > 0
   AND bool_or(decided AND amount > 0);
