-- Has whoever is next in a campaign's line looked at.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Room', $1)
