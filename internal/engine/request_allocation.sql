-- Requests allocation for campaigns whose counters were put right. Until requests have a table of
-- their own this enqueues the campaigns' waiting pairs.
INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(name), 'Line', name FROM unnest($1::text[]) AS c(name);
