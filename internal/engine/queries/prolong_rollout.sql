-- Makes the newest rollouts of campaigns $1 that have reached all pairs last until the referees are
-- decided that this transaction enqueues: their pairs were deferred while the campaign was
-- suspended. Uses rollout_pkey.
UPDATE referral.rollout AS o
   SET enqueued_up_to = pg_current_xact_id()
 WHERE o.campaign = ANY ($1)
   AND o.revision = (SELECT max(r.revision) FROM referral.rollout AS r WHERE r.campaign = o.campaign AND r.reached_all);
