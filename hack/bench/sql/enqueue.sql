-- Enqueues $1 referees without facts, which need no decision.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of('unknown-' || n), 'Referee', 'unknown-' || n FROM generate_series(1, $1::int) AS n;
