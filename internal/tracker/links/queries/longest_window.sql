-- Reads the longest attribution window of any campaign, in microseconds; 0 without a campaign.
-- Reads the whole table campaign, which is small.
SELECT coalesce(max(attribution_window), 0) FROM referral.campaign;
