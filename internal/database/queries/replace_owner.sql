-- Makes another object the owner, or the same one again after it gave the schema up.
UPDATE referral.owner SET installation = $1, name = $2, uid = $3, generation = 0, heartbeat_at = clock_timestamp(), released_at = NULL
