-- Reports whether anything is pending: a change, an allocation request, or a pair whose hold is
-- over. A pair without a holdPeriod may be held for a moment, too: if a batch began before the
-- purchase's time, it holds the pair until that time. Uses change_pkey, allocation_request_pkey and
-- pair_due.
SELECT EXISTS (SELECT FROM referral.change)
    OR EXISTS (SELECT FROM referral.allocation_request)
    OR EXISTS (SELECT
                 FROM referral.shard AS s
                 JOIN referral.pair AS p ON referral.shard_of(p.user_id) = s.shard
                WHERE p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now());
