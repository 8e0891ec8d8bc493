-- Reads the sums of ledger entries of a campaign in a range of keys, with the newest seq of the
-- purchase's reward and the newest revision. A sum may be zero beside a granted credit: foreign
-- entries took it.
-- Uses ledger_pkey.
SELECT user_id, purchase_id, reward, beneficiary_id, currency, sum::bigint, last_seq, revision
  FROM (SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, sum(amount) AS sum, max(revision) AS revision,
               max(max(seq)) OVER (PARTITION BY user_id, purchase_id, reward) AS last_seq
          FROM referral.ledger
         WHERE (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase))
         GROUP BY user_id, purchase_id, reward, campaign, beneficiary_id, currency) AS sums
 WHERE campaign = @campaign;
