-- Reads how far the rollouts of the newest revisions of these campaigns have come, and keeps them
-- there until the transaction ends: steps of these rollouts wait. Of a campaign without a rollout
-- it reads nothing. Uses rollout_pkey.
SELECT o.campaign, o.revision, o.reached, o.reached_all
  FROM referral.rollout AS o
 WHERE o.campaign = ANY ($1)
   AND o.revision = (SELECT max(n.revision) FROM referral.rollout AS n WHERE n.campaign = o.campaign)
 ORDER BY o.campaign
   FOR SHARE OF o;
