-- Finds campaigns whose lost pairs a resync has counted and not judged.
-- Reads incident, a small table.
SELECT DISTINCT campaign FROM referral.incident WHERE state = 'Counting';
