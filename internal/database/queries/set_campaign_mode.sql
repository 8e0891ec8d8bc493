-- Sets only the mode of campaign $1. Uses campaign_pkey.
UPDATE referral.campaign SET mode = $2, declared_at = clock_timestamp() WHERE name = $1
