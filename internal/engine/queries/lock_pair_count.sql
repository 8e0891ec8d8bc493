-- Locks one counter of each of these campaigns, in the order in which batches lock them. A batch
-- that counts meanwhile waits and adds to the corrected value.
-- Uses pair_count_pkey.
INSERT INTO referral.pair_count AS c (campaign, shard)
SELECT name, 0 FROM unnest($1::text[]) AS n(name) ORDER BY name COLLATE "C"
    ON CONFLICT (campaign, shard) DO UPDATE SET campaign = excluded.campaign;
