-- How far the comparison has come: to $1, or null to the end of all referees. The
-- next step comes $2 later, in microseconds.
UPDATE referral.resync
   SET resume_after = coalesce($1, ''), rows_done = $1 IS NULL, next_at = clock_timestamp() + $2 * interval '1 microsecond';
