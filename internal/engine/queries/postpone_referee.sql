-- Makes the held pairs of these referees not due until the referees are decided again.
-- Uses pair_pkey.
UPDATE referral.pair SET postponed = true
 WHERE user_id = ANY ($1) AND state = 'Held' AND NOT postponed;
