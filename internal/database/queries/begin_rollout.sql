-- Begins the rollout of the newest revision of campaign $1: records it and enqueues its first step.
-- An unfinished one stops where it is. Reads counters, not pairs. Uses revision_pkey and
-- pair_count_pkey.
WITH newest AS (
    SELECT campaign, revision, scope, withdraws FROM referral.revision WHERE campaign = $1 ORDER BY revision DESC LIMIT 1
), begun AS (
    INSERT INTO referral.rollout (campaign, revision, total, revised_before)
    SELECT n.campaign, n.revision, k.total, k.revised
      FROM newest AS n
     CROSS JOIN LATERAL (SELECT coalesce(sum(held + waiting + CASE WHEN n.scope = 'AllPairs' OR n.withdraws IS NOT NULL THEN granted + reversed ELSE 0 END), 0) AS total,
                                coalesce(sum(revised), 0) AS revised
                           FROM referral.pair_count WHERE campaign = n.campaign) AS k
     WHERE n.revision > 1
    RETURNING campaign
)
INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(campaign), 'Rollout', campaign FROM begun
