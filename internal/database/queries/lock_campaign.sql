-- Keeps others from declaring the campaign until the transaction ends. Rides
-- on the key.
SELECT FROM referral.campaign WHERE name = $1 FOR UPDATE
