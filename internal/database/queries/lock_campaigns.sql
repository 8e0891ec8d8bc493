-- Locks all campaigns, by name as batches do, before a change of meta that counts as an edit of
-- each: batches lock meta last. A change that held meta first would wait for a batch that waits for
-- meta. Reads campaign_pkey whole.
SELECT FROM referral.campaign ORDER BY name FOR NO KEY UPDATE
