-- Begins the rollout of the newest revision of campaign $1, in place of an unfinished one, and
-- enqueues the pairs that it may reach. Reads counters, not pairs. Uses revision_pkey and
-- pair_count_pkey.
WITH newest AS (
    SELECT campaign, revision, scope FROM referral.revision WHERE campaign = $1 ORDER BY revision DESC LIMIT 1
), begun AS (
    INSERT INTO referral.rollout AS r (campaign, revision, total, revised_before)
    SELECT n.campaign, n.revision, k.total, k.revised
      FROM newest AS n
     CROSS JOIN LATERAL (SELECT coalesce(sum(held + waiting + CASE n.scope WHEN 'AllPairs' THEN granted + reversed ELSE 0 END), 0) AS total,
                                coalesce(sum(revised), 0) AS revised
                           FROM referral.pair_count WHERE campaign = n.campaign) AS k
     WHERE n.revision > 1
        ON CONFLICT (campaign) DO UPDATE
       SET revision = excluded.revision, total = excluded.total, revised_before = excluded.revised_before,
           resume_after = '', enqueued_up_to = NULL
    RETURNING campaign
)
INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(campaign), 'Rollout', campaign FROM begun
