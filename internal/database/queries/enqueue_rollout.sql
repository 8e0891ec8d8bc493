-- Enqueues a walk over all referees of campaign $1; see expand_rollout.sql of the engine.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Rollout', $1)
