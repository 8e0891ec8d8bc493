-- Once a poll: is there anything to do, and under which configuration? And is it
-- time for a step of a resync?
-- Rides on change_pkey and pair_due, one probe each per shard, and erasing_retry.
SELECT m.epoch,
       EXISTS (SELECT
                 FROM referral.shard AS s
                WHERE EXISTS (SELECT FROM referral.change AS c WHERE c.shard = s.shard)
                   OR EXISTS (SELECT FROM referral.pair AS p
                               WHERE referral.shard_of(p.user_id) = s.shard AND p.due_at <= now())) AS work,
       (SELECT next_at <= clock_timestamp() FROM referral.resync) AND referral.resync_due() AS resync,
       EXISTS (SELECT FROM referral.erasing WHERE retry_at <= now()) AS erasures
  FROM referral.meta AS m;
