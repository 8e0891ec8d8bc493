-- Locks the counters of these campaigns; whoever counts beside waits, and adds to
-- what is found then. Rides on pair_count_pkey.
INSERT INTO referral.pair_count AS c (campaign, shard)
SELECT name, shard FROM unnest($1::text[]) AS n(name), referral.shard ORDER BY name, shard
    ON CONFLICT (campaign, shard) DO UPDATE SET campaign = excluded.campaign;
