-- Once a poll: is there anything to do, and under which configuration? Is it time
-- for a step of a resync? And where does each shard's queue begin: $1 to $4 say
-- what is known of that, see oldest_change.
-- Uses change_pkey and pair_due, one probe each per shard, and allocation_request_pkey.
SELECT m.epoch,
       queue.xid <> '{}'
           OR EXISTS (SELECT
                        FROM referral.shard AS s
                       WHERE EXISTS (SELECT FROM referral.pair AS p
                                      WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now()))
           OR EXISTS (SELECT FROM referral.allocation_request) AS work,
       (SELECT next_at <= clock_timestamp() FROM referral.resync) AND referral.resync_due() AS resync,
       pg_current_snapshot()::text, queue.shard, queue.xid, queue.id
  FROM referral.meta AS m
 CROSS JOIN (SELECT coalesce(array_agg(known.shard), '{}') AS shard,
                    coalesce(array_agg(oldest.xid::text), '{}') AS xid, coalesce(array_agg(oldest.id), '{}') AS id
               FROM unnest($1::smallint[], $2::text[], $3::bigint[], $4::text[]) AS known(shard, xid, id, seen)
              CROSS JOIN LATERAL referral.oldest_change(known.shard, known.xid::xid8, known.id, known.seen::pg_snapshot) AS oldest) AS queue;
