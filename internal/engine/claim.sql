-- Locks up to $2 shards that have work and that no other batch has locked,
-- beginning with shard $1 so that a busy shard does not starve the others, and
-- without those of $3, which have batches of their own. $4 to $7 say what is known
-- of where their queues begin, see oldest_change.
-- Uses change_pkey and pair_due, one probe each per shard.
SELECT s.shard, coalesce(oldest.xid::text, ''), coalesce(oldest.id, 0), pg_current_snapshot()::text
  FROM referral.shard AS s
  JOIN unnest($4::smallint[], $5::text[], $6::bigint[], $7::text[]) AS known(shard, xid, id, seen) ON known.shard = s.shard
  LEFT JOIN LATERAL referral.oldest_change(s.shard, known.xid::xid8, known.id, known.seen::pg_snapshot) AS oldest ON true
 WHERE s.shard <> ALL (coalesce($3::smallint[], '{}'))
   AND (oldest.xid IS NOT NULL
        OR EXISTS (SELECT FROM referral.pair AS p
                    WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now()))
 ORDER BY (s.shard + 16 - $1::int) % 16
 LIMIT $2
   FOR UPDATE OF s SKIP LOCKED;
