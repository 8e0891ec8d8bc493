-- What ledger entries of campaign $1 in a range of keys add up to where that is not zero, the newest
-- seq of the purchase's reward, and the revision of the newest entry. Uses ledger_pkey.
SELECT user_id, purchase_id, reward, beneficiary_id, currency, sum::bigint, last_seq, revision
  FROM (SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, sum(amount) AS sum, max(revision) AS revision,
               max(max(seq)) OVER (PARTITION BY user_id, purchase_id, reward) AS last_seq
          FROM referral.ledger
         WHERE (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5))
         GROUP BY user_id, purchase_id, reward, campaign, beneficiary_id, currency) AS sums
 WHERE campaign = $1 AND sum <> 0;
