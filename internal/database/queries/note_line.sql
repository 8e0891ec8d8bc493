-- Has those who stand in a campaign's line looked at again.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Line', $1)
