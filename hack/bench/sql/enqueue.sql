-- Enqueues so many referees without facts, of which there is nothing to decide.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of('unknown-' || n), 'Referee', 'unknown-' || n FROM generate_series(1, $1::int) AS n;
