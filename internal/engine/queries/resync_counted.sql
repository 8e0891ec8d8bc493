-- Campaigns whose lost pairs a resync has counted and not judged. Reads incidents, of which there are
-- few.
SELECT DISTINCT campaign FROM referral.incident WHERE state = 'Counting';
