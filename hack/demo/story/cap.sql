-- Reads how many pairs one referrer may have in the demo's campaign; 0: any number.
SELECT coalesce(max(pairs_per_referrer), 0) FROM referral.campaign
