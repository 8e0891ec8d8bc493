-- Locks, in shard order, the shards of the referees in a range of keys that have something of
-- campaign @campaign. Whoever works on one of them is waited for; no batch waits for a shard while it has
-- one. The range ends with (@last_user, @last_purchase), or where @last_user is null, with the last key.
-- Uses pair_pkey, waitlist_pkey, credit_pkey and ledger_pkey.
SELECT shard
  FROM referral.shard
 WHERE shard IN (SELECT referral.shard_of(user_id) FROM referral.pair
                  WHERE campaign = @campaign AND (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase))
                 UNION
                 SELECT referral.shard_of(user_id) FROM referral.waitlist
                  WHERE campaign = @campaign AND (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase))
                 UNION
                 SELECT referral.shard_of(user_id) FROM referral.credit
                  WHERE campaign = @campaign AND (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase))
                 UNION
                 SELECT referral.shard_of(user_id) FROM referral.ledger
                  WHERE campaign = @campaign AND (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase)))
 ORDER BY shard
   FOR UPDATE;
