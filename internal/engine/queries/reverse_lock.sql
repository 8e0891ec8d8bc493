-- Locks the reversal of one campaign, unless another engine runs it. There is one row per campaign
-- that was reversed.
-- Uses campaign_pkey.
SELECT r.campaign, r.resume_user, r.resume_purchase
  FROM referral.reversal AS r
  JOIN referral.campaign AS c ON c.name = r.campaign
 WHERE NOT r.done AND c.mode = 'Reversing'
 ORDER BY r.campaign
 LIMIT 1
   FOR UPDATE OF r SKIP LOCKED;
