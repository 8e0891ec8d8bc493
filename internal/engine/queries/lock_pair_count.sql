-- Locks the counters of these campaigns. A batch that counts meanwhile waits and adds to the
-- corrected value.
-- Uses pair_count_pkey.
INSERT INTO referral.pair_count AS c (campaign, shard)
SELECT name, shard FROM unnest($1::text[]) AS n(name), referral.shard ORDER BY name, shard
    ON CONFLICT (campaign, shard) DO UPDATE SET campaign = excluded.campaign;
