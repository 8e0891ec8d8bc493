-- Locks up to @limit shards that have work and that no other batch has locked. It begins with shard
-- @first_shard, or with the lowest if that is beyond the last, so that a busy shard does not starve
-- the others. @only limits it to one shard; @excluded are left to other turns. The @start_
-- parameters say where the shards' queues begin, see oldest_change.
-- Uses change_pkey and pair_due, one probe each per shard.
SELECT s.shard, coalesce(oldest.xid::text, ''), coalesce(oldest.id, 0), pg_current_snapshot()::text
  FROM referral.shard AS s
  LEFT JOIN unnest(@start_shards::smallint[], @start_xids::text[], @start_ids::bigint[], @start_snapshots::text[]) AS known(shard, xid, id, seen) ON known.shard = s.shard
  LEFT JOIN LATERAL referral.oldest_change(s.shard, known.xid::xid8, known.id, known.seen::pg_snapshot) AS oldest ON true
 WHERE (@only::smallint IS NULL OR s.shard = @only)
   AND s.shard <> ALL (coalesce(@excluded::smallint[], '{}'))
   AND (oldest.xid IS NOT NULL
        OR EXISTS (SELECT FROM referral.pair AS p
                    WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now()))
 ORDER BY s.shard < @first_shard::int, s.shard
 LIMIT @limit
   FOR UPDATE OF s SKIP LOCKED;
