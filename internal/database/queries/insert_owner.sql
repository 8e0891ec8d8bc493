-- Makes an object the owner of a schema without one.
INSERT INTO referral.owner (installation, name, uid, heartbeat_at) VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (singleton) DO NOTHING
