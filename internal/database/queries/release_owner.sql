-- Gives the schema up.
UPDATE referral.owner SET released_at = clock_timestamp()
 WHERE installation = $1 AND name = $2 AND uid = $3 AND released_at IS NULL
