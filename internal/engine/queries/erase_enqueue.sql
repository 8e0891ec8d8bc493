-- Enqueues the next steps of the erasures of these users. Uses no index.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Erasure', user_id FROM unnest($1::text[]) AS u(user_id);
