-- Reads the credits of granted pairs as the sums of the entries that the engine made; sums of zero
-- are left out. Altered and foreign entries have a wrong checksum and are left out.
-- Uses ledger_pkey.
WITH entry AS (
    SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
           coalesce(checksum = referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency,
                                                  kind, reason), false) AS own
      FROM referral.ledger
     WHERE user_id = ANY ($1)
)
SELECT user_id, purchase_id, campaign, reward, beneficiary_id, currency, (sum(amount) FILTER (WHERE own))::bigint
  FROM entry
 GROUP BY user_id, purchase_id, reward, campaign, beneficiary_id, currency
HAVING sum(amount) FILTER (WHERE own) > 0 AND sum(amount) > 0
   AND bool_or(own AND amount > 0);
