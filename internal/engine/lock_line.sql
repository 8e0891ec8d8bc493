-- Whoever gives or frees room of a campaign keeps others from doing so until
-- the commit: orders are drawn, and admissions committed, one after the other.
-- Campaigns are locked by name.
-- Rides on campaign_pkey.
SELECT FROM referral.campaign WHERE name = ANY ($1) ORDER BY name FOR NO KEY UPDATE;
