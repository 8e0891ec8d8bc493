-- Records how far the comparison has come: to the user_id $2 in phase $1. The next step comes $3
-- later, in microseconds.
UPDATE referral.resync
   SET phase = $1, resume_after = $2, next_at = clock_timestamp() + $3 * interval '1 microsecond';
