-- Deletes the allocation requests of a campaign whose row is locked: each was made before its
-- capacity was read.
-- Uses allocation_request_campaign.
DELETE FROM referral.allocation_request WHERE campaign = $1;
