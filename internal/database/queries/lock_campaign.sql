-- Locks campaign $1: other declarations of it wait until the transaction ends. Uses campaign_pkey.
SELECT FROM referral.campaign WHERE name = $1 FOR UPDATE
