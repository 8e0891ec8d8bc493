-- Enqueues these referees so that a later batch fixes their attributions. Uses no index.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Fix', user_id FROM unnest($1::text[]) AS u(user_id);
