-- The poll of an engine that has work or has had some: the epoch, whether there is work, whether a
-- step of a resync is due, whether postponed erasures are due, when the next hold ends, how many
-- numbers changes and allocation requests have drawn, and where each shard's queue begins. $1 to $4
-- say what is known of the beginnings, see oldest_change. It is parsed before the search_path is set
-- (DB.QueryBare), so it qualifies functions, types and operators.
--
-- The limit of shards is far above their number. It tells the planner that there are few: the table
-- is never analyzed, and a plan for thousands of rows would be compiled (JIT) at each poll.
-- Uses change_pkey and pair_due, one probe each per shard, allocation_request_pkey and
-- erasing_retry.
SELECT m.epoch,
       queue.work
           OR coalesce(hold.ends_at OPERATOR(pg_catalog.<=) pg_catalog.now(), false)
           OR EXISTS (SELECT FROM referral.allocation_request) AS work,
       (SELECT next_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() FROM referral.resync) AND referral.resync_due() AS resync,
       EXISTS (SELECT FROM referral.erasing WHERE retry_at OPERATOR(pg_catalog.<=) pg_catalog.now()) AS erasures,
       hold.ends_at,
       (SELECT changes.last_value OPERATOR(pg_catalog.+) CASE WHEN changes.is_called THEN 1 ELSE 0 END
                   OPERATOR(pg_catalog.+) requests.last_value OPERATOR(pg_catalog.+) CASE WHEN requests.is_called THEN 1 ELSE 0 END
          FROM referral.change_id_seq AS changes, referral.allocation_request_id_seq AS requests) AS drawn,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.int8 AS oldest_open,
       pg_catalog.pg_current_snapshot()::pg_catalog.text, queue.shard, queue.xid, queue.id
  FROM referral.meta AS m
 CROSS JOIN (SELECT pg_catalog.bool_or(oldest.xid IS NOT NULL) AS work, pg_catalog.array_agg(s.shard) AS shard,
                    pg_catalog.array_agg(coalesce(oldest.xid::pg_catalog.text, '')) AS xid,
                    pg_catalog.array_agg(coalesce(oldest.id, 0)) AS id
               FROM (SELECT shard FROM referral.shard LIMIT 256) AS s
               LEFT JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.int2[]), pg_catalog.unnest($2::pg_catalog.text[]),
                                    pg_catalog.unnest($3::pg_catalog.int8[]), pg_catalog.unnest($4::pg_catalog.text[]))
                    AS known(shard, xid, id, seen) ON known.shard OPERATOR(pg_catalog.=) s.shard
               LEFT JOIN LATERAL referral.oldest_change(s.shard, known.xid::pg_catalog.xid8, known.id, known.seen::pg_catalog.pg_snapshot)
                    AS oldest ON true) AS queue
 CROSS JOIN (SELECT pg_catalog.min(first.matures_at) AS ends_at
               FROM (SELECT shard FROM referral.shard LIMIT 256) AS s
              CROSS JOIN LATERAL (SELECT p.matures_at
                                    FROM referral.pair AS p
                                   WHERE referral.shard_of(p.user_id) OPERATOR(pg_catalog.=) s.shard
                                     AND p.state OPERATOR(pg_catalog.=) 'Held' AND NOT p.postponed
                                   ORDER BY p.matures_at
                                   LIMIT 1) AS first) AS hold;
