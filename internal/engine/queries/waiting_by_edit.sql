-- Finds the first waiting pairs of campaign $1 that were decided under an edit older than $2: each
-- could fit. If the campaign admits no pair ($3 is false), only growing ones. At most $4.
-- Uses waitlist_edit: one probe per older edit, and the head of each.
WITH RECURSIVE older AS (
    (SELECT edit FROM referral.waitlist WHERE campaign = $1 AND edit < $2 AND NOT passed_over ORDER BY edit LIMIT 1)
    UNION ALL
    SELECT (SELECT w.edit FROM referral.waitlist AS w
             WHERE w.campaign = $1 AND w.edit > older.edit AND w.edit < $2 AND NOT w.passed_over ORDER BY w.edit LIMIT 1)
      FROM older
     WHERE older.edit IS NOT NULL
)
SELECT w.user_id, w.purchase_id, w.referrer_id, w.admission_order, w.growing, w.least_need, w.tier_starts, w.tier_needs,
       0::bigint AS admitted, true AS outdated
  FROM older
 CROSS JOIN LATERAL (SELECT *
                       FROM referral.waitlist
                      WHERE campaign = $1 AND edit = older.edit AND NOT passed_over AND (growing OR $3)
                      ORDER BY admission_order
                      LIMIT $4) AS w
 ORDER BY w.admission_order
 LIMIT $4;
