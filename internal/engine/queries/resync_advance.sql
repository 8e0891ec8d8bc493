-- Records the progress of the comparison: phase $1 and last user_id $2. The next step is due in $3
-- microseconds. Uses no index: resync has one row.
UPDATE referral.resync
   SET phase = $1, resume_after = $2, next_at = clock_timestamp() + $3 * interval '1 microsecond';
