-- Locks campaigns, by name: no pair is admitted meanwhile. Uses campaign_pkey.
SELECT FROM referral.campaign WHERE name = ANY ($1) ORDER BY name FOR NO KEY UPDATE;
