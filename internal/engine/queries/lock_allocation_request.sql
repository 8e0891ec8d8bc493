-- Locks the oldest allocation request that no other allocation batch serves. $1 limits it to one
-- campaign; empty: any campaign except those in $2.
-- Uses allocation_request_pkey and allocation_request_campaign.
SELECT r.campaign
  FROM referral.allocation_request AS r
 WHERE NOT EXISTS (SELECT FROM referral.allocation_request AS older WHERE older.campaign = r.campaign AND older.id < r.id)
   AND ($1 IN ('', r.campaign)) AND r.campaign <> ALL (coalesce($2::text[], '{}'))
 ORDER BY r.id
 LIMIT 1
   FOR UPDATE SKIP LOCKED;
