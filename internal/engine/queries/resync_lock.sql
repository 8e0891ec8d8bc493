-- Locks the comparison under way, or the one to begin, if it is time for its next
-- step ($1: whatever the time) and no other engine is at it.
SELECT began_at IS NULL, phase, resume_after
  FROM referral.resync
 WHERE ($1 OR next_at <= clock_timestamp()) AND referral.resync_due()
   FOR UPDATE SKIP LOCKED;
