-- Locks the counts of lost pairs of campaigns, ordered by name, so that no two batches count at the
-- same time.
-- Uses loss_pkey.
INSERT INTO referral.loss (campaign)
SELECT name FROM unnest($1::text[]) AS c(name) ORDER BY name
    ON CONFLICT (campaign) DO UPDATE SET campaign = excluded.campaign;
