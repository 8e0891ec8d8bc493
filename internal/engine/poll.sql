-- Once a poll: is there anything to do, and under which configuration? Is it time
-- for a step of a resync, or to retry an erasure? And where does each shard's queue
-- begin: $1 to $4 say what is known of that, see oldest_change; of a shard that
-- they leave out, nothing is. It runs without a transaction (DB.QueryBare), so it
-- qualifies functions, operators and types.
-- Uses change_pkey and pair_due, one probe each per shard, allocation_request_pkey and
-- erasing_retry.
SELECT m.epoch,
       queue.has_changes
           OR EXISTS (SELECT
                        FROM referral.shard AS s
                       WHERE EXISTS (SELECT FROM referral.pair AS p
                                      WHERE referral.shard_of(p.user_id) OPERATOR(pg_catalog.=) s.shard
                                        AND p.state OPERATOR(pg_catalog.=) 'Held' AND NOT p.postponed
                                        AND p.matures_at OPERATOR(pg_catalog.<=) pg_catalog.now()))
           OR EXISTS (SELECT FROM referral.allocation_request) AS work,
       (SELECT next_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() FROM referral.resync) AND referral.resync_due() AS resync,
       EXISTS (SELECT FROM referral.erasing WHERE retry_at OPERATOR(pg_catalog.<=) pg_catalog.now()) AS erasures,
       pg_catalog.pg_current_snapshot()::pg_catalog.text, queue.shard, queue.xid, queue.id
  FROM referral.meta AS m
 CROSS JOIN (SELECT coalesce(pg_catalog.bool_or(oldest.xid IS NOT NULL), false) AS has_changes,
                    pg_catalog.array_agg(s.shard) AS shard,
                    pg_catalog.array_agg(coalesce(oldest.xid::pg_catalog.text, '')) AS xid,
                    pg_catalog.array_agg(coalesce(oldest.id, 0)) AS id
               FROM referral.shard AS s
               LEFT JOIN pg_catalog.unnest($1::pg_catalog.int2[], $2::pg_catalog.text[], $3::pg_catalog.int8[], $4::pg_catalog.text[])
                         AS known(shard, xid, id, seen) ON known.shard OPERATOR(pg_catalog.=) s.shard
               LEFT JOIN LATERAL referral.oldest_change(s.shard, coalesce(known.xid, '0')::pg_catalog.xid8, coalesce(known.id, 0),
                                                        coalesce(known.seen, '1:1:')::pg_catalog.pg_snapshot) AS oldest ON true) AS queue;
