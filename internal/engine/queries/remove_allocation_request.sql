-- Removes the requests of a campaign whose row is locked: each was made before.
-- Uses allocation_request_campaign.
DELETE FROM referral.allocation_request WHERE campaign = $1;
