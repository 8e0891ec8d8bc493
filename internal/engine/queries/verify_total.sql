-- Counts the attributed referees, for the progress of a verification, and reads the clock.
-- Reads attribution_pkey whole.
SELECT count(*), clock_timestamp() FROM referral.attribution;
