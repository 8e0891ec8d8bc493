-- Sets mode PolicyMissing and the declaring object of a declared campaign.
-- Uses campaign_pkey and reversal_pkey.
WITH ended AS (
    DELETE FROM referral.reversal WHERE campaign = $1
)
UPDATE referral.campaign
   SET mode = 'PolicyMissing',
       deleted_uids = CASE WHEN uid = $2 OR uid = ANY (deleted_uids) THEN deleted_uids
                           ELSE (deleted_uids || uid)[greatest(1, cardinality(deleted_uids) - 14):] END,
       uid = $2, generation = $3, declared_at = clock_timestamp()
 WHERE name = $1
