-- Locks the comparison if its next step is due, or at any time if $1, and no other engine runs it.
-- Uses no index: resync has one row.
SELECT began_at IS NULL, phase, resume_after
  FROM referral.resync
 WHERE ($1 OR next_at <= clock_timestamp()) AND referral.resync_due()
   FOR UPDATE SKIP LOCKED;
