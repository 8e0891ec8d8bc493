-- Locks up to $2 shards that have work and that no other batch has locked,
-- beginning with shard $1, or behind the last with the first of all, so that a busy
-- shard does not starve the others. It is shard $3 alone if that is given, else none
-- of $4, which have batches of their own. $5 to $8 say what is known of where the
-- shards' queues begin, see oldest_change.
-- Uses change_pkey and pair_due, one probe each per shard.
SELECT s.shard, coalesce(oldest.xid::text, ''), coalesce(oldest.id, 0), pg_current_snapshot()::text
  FROM referral.shard AS s
  LEFT JOIN unnest($5::smallint[], $6::text[], $7::bigint[], $8::text[]) AS known(shard, xid, id, seen) ON known.shard = s.shard
  LEFT JOIN LATERAL referral.oldest_change(s.shard, known.xid::xid8, known.id, known.seen::pg_snapshot) AS oldest ON true
 WHERE ($3::smallint IS NULL OR s.shard = $3)
   AND s.shard <> ALL (coalesce($4::smallint[], '{}'))
   AND (oldest.xid IS NOT NULL
        OR EXISTS (SELECT FROM referral.pair AS p
                    WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now()))
 ORDER BY s.shard < $1::int, s.shard
 LIMIT $2
   FOR UPDATE OF s SKIP LOCKED;
