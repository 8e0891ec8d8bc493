-- Finds the first waiting pairs of campaign $1 that were decided under an edit older than $2: each
-- could fit. Growing ones, those to be admitted, or both ($3). At most $4.
-- Uses waitlist_edit: one probe per older edit, and the head of each.
WITH RECURSIVE older AS (
    SELECT kind.growing, (SELECT w.edit FROM referral.waitlist AS w
                           WHERE w.campaign = $1 AND w.growing = kind.growing AND w.edit < $2 AND NOT w.passed_over
                           ORDER BY w.edit LIMIT 1) AS edit
      FROM unnest($3::bool[]) AS kind(growing)
    UNION ALL
    SELECT older.growing, (SELECT w.edit FROM referral.waitlist AS w
                            WHERE w.campaign = $1 AND w.growing = older.growing AND w.edit > older.edit AND w.edit < $2 AND NOT w.passed_over
                            ORDER BY w.edit LIMIT 1)
      FROM older
     WHERE older.edit IS NOT NULL
)
SELECT w.user_id, w.purchase_id, w.referrer_id, w.admission_order, w.growing, w.least_need, w.tier_starts, w.tier_needs,
       0::bigint AS admitted, true AS outdated
  FROM older
 CROSS JOIN LATERAL (SELECT *
                       FROM referral.waitlist
                      WHERE campaign = $1 AND growing = older.growing AND edit = older.edit AND NOT passed_over
                      ORDER BY admission_order
                      LIMIT $4) AS w
 WHERE older.edit IS NOT NULL
 ORDER BY w.admission_order
 LIMIT $4;
