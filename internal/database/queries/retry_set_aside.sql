-- A new version may be able to decide what the old one could not.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Referee', user_id FROM referral.set_aside
