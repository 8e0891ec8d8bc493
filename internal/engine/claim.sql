-- Locks up to $2 shards that have work and that nobody else is working on,
-- beginning with shard $1, or behind the last with the first of all, so that a
-- busy shard does not starve the others.
-- Rides on change_pkey and pair_due, one probe each per shard.
SELECT s.shard
  FROM referral.shard AS s
 WHERE EXISTS (SELECT FROM referral.change AS c WHERE c.shard = s.shard)
    OR EXISTS (SELECT FROM referral.pair AS p
                WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now())
 ORDER BY s.shard < $1::int, s.shard
 LIMIT $2
   FOR UPDATE OF s SKIP LOCKED;
