-- Has all referees of a campaign decided again.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Rollout', $1)
