-- Ends the comparison and answers the requests made before it began.
-- Reads small tables whole.
WITH ended AS (
    UPDATE referral.resync SET began_at = NULL, resume_after = '', phase = 'Rows', next_at = clock_timestamp()
    RETURNING singleton
), requested AS (
    DELETE FROM referral.resync_request WHERE begun
)
UPDATE referral.resync_campaign
   SET ended_at = clock_timestamp(), handled = answers, answers = NULL,
       found = concat_ws(', ', CASE pairs WHEN 0 THEN NULL WHEN 1 THEN '1 pair' ELSE pairs || ' pairs' END,
                               CASE attributions WHEN 0 THEN NULL WHEN 1 THEN '1 attribution' ELSE attributions || ' attributions' END,
                               CASE sums WHEN 0 THEN NULL WHEN 1 THEN '1 counter or account' ELSE sums || ' counters and accounts' END)
  FROM ended
 WHERE answers IS NOT NULL;
