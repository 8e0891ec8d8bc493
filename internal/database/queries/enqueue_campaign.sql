-- Enqueues campaign $1, to be expanded into the signups that it reaches, unless it has no row that
-- leads to one. An earlier statement of the transaction has raised the epoch: what a batch recorded
-- under the epoch before is visible here, and what is written from now on is decided under this
-- one. The rollout of the newest revision goes on where it was when the campaign was suspended.
-- Uses link_campaign, deferred_pkey, attribution_forgotten, rollout_pkey and revision_pkey.
INSERT INTO referral.change (shard, kind, key, resume_after)
SELECT referral.shard_of($1), 'Campaign', $1, ''
 WHERE EXISTS (SELECT FROM referral.link WHERE campaign = $1)
    OR EXISTS (SELECT FROM referral.deferred WHERE campaign = $1)
    OR EXISTS (SELECT FROM referral.attribution WHERE campaign = $1 AND source = 'Touch' AND visitor_id IS NULL)
UNION ALL
SELECT referral.shard_of($1), 'Rollout', $1, o.reached
  FROM referral.rollout AS o
 WHERE o.campaign = $1 AND NOT o.reached_all
   AND o.revision = (SELECT max(r.revision) FROM referral.revision AS r WHERE r.campaign = $1)
