-- The longest attribution window of any campaign, in microseconds; 0 without one.
-- Reads the whole of campaign, which is small.
SELECT coalesce(max(attribution_window), 0) FROM referral.campaign;
