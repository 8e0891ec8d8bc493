-- Reads, for each purchase with entries that the engine made, campaign, revision and reason of the
-- newest one. If a campaign's entries add up to credit, its newest entry is read: an entry that
-- takes back what another campaign gave may be newer. Altered and foreign entries have a wrong
-- checksum and are left out. Uses ledger_pkey.
WITH own AS MATERIALIZED (
    SELECT user_id, purchase_id, campaign, revision, amount, reason, entry_id
      FROM referral.ledger
     WHERE user_id = ANY ($1)
       AND checksum = referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
), summed AS (
    SELECT user_id, purchase_id, campaign, revision, reason, entry_id,
           sum(amount) OVER (PARTITION BY user_id, purchase_id, campaign) > 0 AS gives
      FROM own
)
SELECT DISTINCT ON (user_id, purchase_id) user_id, purchase_id, campaign, revision, reason
  FROM summed AS l
 WHERE EXISTS (SELECT FROM own AS g WHERE g.user_id = l.user_id AND g.purchase_id = l.purchase_id AND g.amount > 0)
 ORDER BY user_id, purchase_id, gives DESC, entry_id DESC;
