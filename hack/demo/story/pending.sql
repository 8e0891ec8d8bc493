-- Whether anything is left to decide: a change, an allocation, or a pair whose hold is over.
-- Of the latter there may be one without a holdPeriod, too: a batch that began
-- before a purchase and found it all the same holds it up to its very time.
-- Rides on the keys of shard and change, and on pair_due.
SELECT EXISTS (SELECT FROM referral.change)
    OR EXISTS (SELECT FROM referral.allocation_request)
    OR EXISTS (SELECT
                 FROM referral.shard AS s
                 JOIN referral.pair AS p ON referral.shard_of(p.user_id) = s.shard
                WHERE p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now());
