-- Enqueues all referees of campaign $1.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Rollout', $1)
