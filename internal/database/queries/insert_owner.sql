-- Takes a schema that has no owner.
INSERT INTO referral.owner (installation, name, uid, heartbeat_at) VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (singleton) DO NOTHING
