-- Enqueues every referee, so that all are decided again. Uses no index.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Referee', user_id
  FROM (SELECT user_id FROM referral.signup UNION SELECT user_id FROM referral.purchase
        UNION SELECT user_id FROM referral.attribution UNION SELECT user_id FROM referral.pair) AS everybody
UNION ALL
SELECT referral.shard_of(name), 'Campaign', name FROM referral.campaign
