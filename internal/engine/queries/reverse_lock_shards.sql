-- Locks, in shard order, the shards of the referees that have something of a campaign in a range of
-- keys. It waits for batches that have locked one; no batch waits for a shard while it has one. If
-- @last_user is null the range has no end.
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
