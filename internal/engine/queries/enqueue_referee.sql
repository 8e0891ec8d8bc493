-- Enqueues referees for re-evaluation, each in its own shard. Uses no index.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Referee', user_id FROM unnest($1::text[]) AS u(user_id);
