-- Whether anything waits to be decided: a change, or a pair whose hold is over.
-- Of the latter there may be one without a holdPeriod, too: a batch that began
-- before a purchase and found it all the same holds it up to its very time.
-- Rides on the keys of shard and change, and on pair_due.
SELECT EXISTS (SELECT FROM referral.change)
    OR EXISTS (SELECT
                 FROM referral.shard AS s
                 JOIN referral.pair AS p ON referral.shard_of(p.user_id) = s.shard
                WHERE p.due_at <= now());
