-- Writes a campaign as declared. An object that another one replaces declares nothing any more,
-- and what was reversed before may be given anew. Uses campaign_pkey and reversal_pkey.
WITH ended AS (
    DELETE FROM referral.reversal WHERE campaign = $1
)
UPDATE referral.campaign
   SET mode = $2, starts_at = $3, ends_at = $4, attribution_window = $5, destination = $6,
       deleted_uids = CASE WHEN uid = $7 OR uid = ANY (deleted_uids) THEN deleted_uids
                           ELSE (deleted_uids || uid)[greatest(1, cardinality(deleted_uids) - 14):] END,
       uid = $7, generation = $8, policy = $9, policy_uid = $10, policy_generation = $11,
       budget_amount = $12, budget_currency = $13, resync_interval = $14,
       declared_at = clock_timestamp()
 WHERE name = $1
