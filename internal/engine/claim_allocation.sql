-- Picks the campaign that has asked for an allocation for the longest time and that no other
-- allocation batch is serving, and locks that request.
-- Uses allocation_request_pkey and allocation_request_campaign.
SELECT r.campaign
  FROM referral.allocation_request AS r
 WHERE NOT EXISTS (SELECT FROM referral.allocation_request AS older WHERE older.campaign = r.campaign AND older.id < r.id)
 ORDER BY r.id
 LIMIT 1
   FOR UPDATE SKIP LOCKED;
