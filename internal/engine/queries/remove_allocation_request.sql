-- Deletes the allocation requests of a campaign. The row of a campaign in which pairs wait is
-- locked. Every change of its capacity or waitlist was made under this lock, so the capacity that
-- was read includes it.
-- Uses allocation_request_campaign.
DELETE FROM referral.allocation_request WHERE campaign = $1;
