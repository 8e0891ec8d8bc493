-- Reads the time of the batch's decisions, after the changes were dequeued: no fact dated by its
-- own transaction lies in the future. Also reports whether any campaign has withheld pairs.
-- Reads incident, a small table.
SELECT clock_timestamp(), EXISTS (SELECT FROM referral.incident);
