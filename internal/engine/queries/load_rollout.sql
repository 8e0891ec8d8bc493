-- Reads how far the rollouts of the newest revisions of these campaigns have come. A batch reads it
-- after it has locked its shards: a step of a rollout enqueues the referees that it reaches, so a
-- referee that was decided under its new revision is never decided under the old one again.
-- Uses rollout_pkey.
SELECT DISTINCT ON (campaign) campaign, revision, reached, reached_all
  FROM referral.rollout
 WHERE campaign = ANY ($1)
 ORDER BY campaign, revision DESC;
