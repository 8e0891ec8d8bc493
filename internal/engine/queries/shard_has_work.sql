-- Whether shard $1 has work, whoever has locked it; see lock_shards_with_work.
-- Uses change_pkey and pair_due, one probe each.
SELECT EXISTS (SELECT FROM referral.change WHERE shard = $1)
    OR EXISTS (SELECT FROM referral.pair AS p
                WHERE referral.shard_of(p.user_id) = $1 AND p.state = 'Held' AND NOT p.postponed AND p.matures_at <= now());
