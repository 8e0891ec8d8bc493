-- Reads, for each purchase with entries that the engine made, campaign, revision and reason of the
-- newest one. Altered and foreign entries have a wrong checksum and are left out.
-- Uses ledger_pkey.
WITH own AS MATERIALIZED (
    SELECT user_id, purchase_id, reward, seq, campaign, revision, amount, reason
      FROM referral.ledger
     WHERE user_id = ANY ($1)
       AND checksum = referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
)
SELECT DISTINCT ON (user_id, purchase_id) user_id, purchase_id, campaign, revision, reason
  FROM own AS l
 WHERE EXISTS (SELECT FROM own AS g WHERE g.user_id = l.user_id AND g.purchase_id = l.purchase_id AND g.amount > 0)
 ORDER BY user_id, purchase_id, revision DESC, seq DESC, reward;
