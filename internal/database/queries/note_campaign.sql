-- Has the signups that a campaign reaches looked at again.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Campaign', $1)
