-- Locks the reversal of one campaign that takes back all it gave, unless another engine is at it.
-- There are as many rows as campaigns that were reversed. Uses campaign_pkey.
SELECT r.campaign, r.resume_user, r.resume_purchase
  FROM referral.reversal AS r
  JOIN referral.campaign AS c ON c.name = r.campaign
 WHERE NOT r.done AND c.mode = 'Reversing'
 ORDER BY r.campaign
 LIMIT 1
   FOR UPDATE OF r SKIP LOCKED;
