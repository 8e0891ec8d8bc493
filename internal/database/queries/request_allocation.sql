-- Asks for an allocation of a campaign's capacity if pairs wait in it. Where its edit is one that
-- decisions about waiting pairs depend on ($2), it is counted. The campaign's row is locked.
-- Uses campaign_pkey and waitlist_order.
WITH edited AS (
    UPDATE referral.campaign SET edit = edit + 1 WHERE name = $1 AND $2
)
INSERT INTO referral.allocation_request (campaign)
SELECT $1 WHERE EXISTS (SELECT FROM referral.waitlist WHERE campaign = $1)
