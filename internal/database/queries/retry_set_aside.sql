-- Enqueues all referees that are set aside: a new version may be able to decide them.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Referee', user_id FROM referral.set_aside
