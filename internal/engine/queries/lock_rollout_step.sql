-- Locks the rollouts of these campaigns before a step of one of them: it waits for batches that
-- have read how far the rollout has come, so that the step finds what they attributed. Uses
-- rollout_pkey.
SELECT o.campaign, o.revision, o.reached, o.reached_all
  FROM referral.rollout AS o
 WHERE o.campaign = ANY ($1)
   AND o.revision = (SELECT max(n.revision) FROM referral.rollout AS n WHERE n.campaign = o.campaign)
 ORDER BY o.campaign
   FOR UPDATE OF o;
