-- Locks one sum of each of these campaigns and currencies, in the order in which batches lock them.
-- Uses credit_count_pkey.
INSERT INTO referral.credit_count AS c (campaign, shard, currency)
SELECT name, 0, currency FROM unnest($1::text[], $2::text[]) AS n(name, currency)
 ORDER BY name COLLATE "C", currency COLLATE "C"
    ON CONFLICT (campaign, shard, currency) DO UPDATE SET campaign = excluded.campaign;
