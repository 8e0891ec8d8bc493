-- Once a poll: is there anything to do, and under which configuration? And is it
-- time for a step of a resync?
-- Uses change_pkey and pair_due, one probe each per shard, and allocation_request_pkey.
SELECT m.epoch,
       EXISTS (SELECT
                 FROM referral.shard AS s
                WHERE EXISTS (SELECT FROM referral.change AS c WHERE c.shard = s.shard)
                   OR EXISTS (SELECT FROM referral.pair AS p
                               WHERE referral.shard_of(p.user_id) = s.shard AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now()))
           OR EXISTS (SELECT FROM referral.allocation_request) AS work,
       (SELECT next_at <= clock_timestamp() FROM referral.resync) AND referral.resync_due() AS resync
  FROM referral.meta AS m;
