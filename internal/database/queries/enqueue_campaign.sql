-- Enqueues campaign $1, to be expanded into the signups that it reaches, unless it has no row that
-- leads to one. An earlier statement of the transaction has raised the epoch: what a batch recorded
-- under the epoch before is visible here, and what is written from now on is decided under this
-- one. Uses link_campaign, deferred_pkey and attribution_forgotten.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of($1), 'Campaign', $1
 WHERE EXISTS (SELECT FROM referral.link WHERE campaign = $1)
    OR EXISTS (SELECT FROM referral.deferred WHERE campaign = $1)
    OR EXISTS (SELECT FROM referral.attribution WHERE campaign = $1 AND source = 'Touch' AND visitor_id IS NULL)
