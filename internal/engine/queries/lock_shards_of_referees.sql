-- Locks the shards of these referees in shard order. Waits for batches that have them locked.
-- Uses shard_pkey.
SELECT shard FROM referral.shard
 WHERE shard IN (SELECT referral.shard_of(user_id) FROM unnest($1::text[]) AS u(user_id))
 ORDER BY shard
   FOR UPDATE;
