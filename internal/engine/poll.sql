-- Once a poll: is there anything to do, and under which configuration? And is it
-- time for a step of a resync? It runs without a transaction (DB.QueryBare), so it
-- qualifies functions and operators.
-- Uses change_pkey and pair_due, one probe each per shard, allocation_request_pkey and
-- erasing_retry.
SELECT m.epoch,
       EXISTS (SELECT
                 FROM referral.shard AS s
                WHERE EXISTS (SELECT FROM referral.change AS c WHERE c.shard OPERATOR(pg_catalog.=) s.shard)
                   OR EXISTS (SELECT FROM referral.pair AS p
                               WHERE referral.shard_of(p.user_id) OPERATOR(pg_catalog.=) s.shard
                                 AND p.state OPERATOR(pg_catalog.=) 'Held' AND NOT p.postponed
                                 AND p.matures_at OPERATOR(pg_catalog.<=) pg_catalog.now()))
           OR EXISTS (SELECT FROM referral.allocation_request) AS work,
       (SELECT next_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() FROM referral.resync) AND referral.resync_due() AS resync,
       EXISTS (SELECT FROM referral.erasing WHERE retry_at OPERATOR(pg_catalog.<=) pg_catalog.now()) AS erasures
  FROM referral.meta AS m;
