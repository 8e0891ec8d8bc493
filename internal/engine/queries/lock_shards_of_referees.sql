-- Locks the shards of these referees, waiting for whoever is at them.
SELECT shard FROM referral.shard
 WHERE shard IN (SELECT referral.shard_of(user_id) FROM unnest($1::text[]) AS u(user_id))
 ORDER BY shard
   FOR UPDATE;
