-- What a granted pair earns, told by the entries that the engine made, which fit their checksum:
-- nothing where all entries come to nothing.
-- Uses ledger_pkey.
WITH entry AS (
    SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
           coalesce(checksum = referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency,
                                                  kind, reason), false) AS own
      FROM referral.ledger
     WHERE user_id = ANY ($1)
)
SELECT user_id, purchase_id, reward, beneficiary_id, currency, (sum(amount) FILTER (WHERE own))::bigint
  FROM entry
 GROUP BY user_id, purchase_id, reward, campaign, beneficiary_id, currency
HAVING sum(amount) FILTER (WHERE own) > 0 AND sum(amount) > 0
   AND bool_or(own AND amount > 0);
