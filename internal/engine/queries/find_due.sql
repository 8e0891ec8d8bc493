-- Finds referees of the locked shards with a held pair whose hold has ended, longest due first, at
-- most $2 per shard.
-- Uses pair_due.
SELECT DISTINCT due.user_id
  FROM unnest($1::smallint[]) AS s(shard)
 CROSS JOIN LATERAL (SELECT p.user_id
                       FROM referral.pair AS p
                      WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now()
                      ORDER BY p.matures_at
                      LIMIT $2) AS due;
