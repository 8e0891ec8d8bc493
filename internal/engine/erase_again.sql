-- Enqueues the next step of the erasure of $1. Uses no index.
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Erasure', $1);
