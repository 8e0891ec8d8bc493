-- Enqueues campaign $1, to be expanded into the signups that it reaches.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Campaign', $1)
