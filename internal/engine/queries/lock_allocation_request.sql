-- Picks the campaign that has asked for an allocation for the longest time and that no other
-- allocation batch is serving, and locks that request. If $1 names a campaign it is that one, else
-- none of $2, which have batches of their own.
-- Uses allocation_request_pkey and allocation_request_campaign.
SELECT r.campaign
  FROM referral.allocation_request AS r
 WHERE NOT EXISTS (SELECT FROM referral.allocation_request AS older WHERE older.campaign = r.campaign AND older.id < r.id)
   AND ($1 IN ('', r.campaign)) AND r.campaign <> ALL (coalesce($2::text[], '{}'))
 ORDER BY r.id
 LIMIT 1
   FOR UPDATE SKIP LOCKED;
