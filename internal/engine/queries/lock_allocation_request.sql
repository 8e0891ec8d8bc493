-- Locks the oldest allocation request that no other allocation batch serves. $1 limits it to one
-- campaign; empty: any campaign except those in $2. A campaign with a budget is left out while its
-- rollout has still to move pairs: the budget may be for these. While it is suspended, or takes all
-- back, its rollout waits, and the batch does nothing but remove the request.
-- Uses allocation_request_pkey, allocation_request_campaign and campaign_pkey; see rolling_out.
SELECT r.campaign
  FROM referral.allocation_request AS r
 WHERE NOT EXISTS (SELECT FROM referral.allocation_request AS older WHERE older.campaign = r.campaign AND older.id < r.id)
   AND ($1 IN ('', r.campaign)) AND r.campaign <> ALL (coalesce($2::text[], '{}'))
   AND NOT EXISTS (SELECT FROM referral.campaign AS c
                    WHERE c.name = r.campaign COLLATE "default" AND c.budget_amount IS NOT NULL AND c.mode NOT IN ('Suspended', 'Reversing')
                      AND referral.rolling_out(c.name))
 ORDER BY r.id
 LIMIT 1
   FOR UPDATE OF r SKIP LOCKED;
