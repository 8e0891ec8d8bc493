-- Requests a resync of campaign $1. $2 identifies the request. Uses resync_campaign_pkey.
INSERT INTO referral.resync_campaign AS r (campaign, requested) VALUES ($1, $2)
    ON CONFLICT (campaign) DO UPDATE SET requested = excluded.requested WHERE r.requested <> excluded.requested
