-- Locks the sums of these campaigns and currencies.
-- Uses credit_count_pkey.
INSERT INTO referral.credit_count AS c (campaign, shard, currency)
SELECT name, shard, currency FROM unnest($1::text[], $2::text[]) AS n(name, currency), referral.shard ORDER BY name, shard, currency
    ON CONFLICT (campaign, shard, currency) DO UPDATE SET campaign = excluded.campaign;
