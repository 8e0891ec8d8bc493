-- Puts another object in the owner's place, or one that gave up back in.
UPDATE referral.owner SET installation = $1, name = $2, uid = $3, generation = 0, heartbeat_at = clock_timestamp(), released_at = NULL
