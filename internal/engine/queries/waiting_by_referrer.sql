-- Finds the first waiting pairs of campaign $1 that need at most $2 of its budget, in minor units,
-- and whose referrer has fewer admitted pairs than the cap $3. At most $4.
--
-- Referrers below the cap are found by their number of admitted pairs, so that referrers at the cap
-- cost nothing. If few of them could have a pair that fits, the first pairs of each are read; if
-- many could, the first pairs that fit are found by following the waitlist.
-- Uses waitlist_referrer_admitted, waitlist_referrer_order and waitlist_order.
WITH RECURSIVE level AS ( -- each number of admitted pairs that some referrer has
    (SELECT admitted FROM referral.waitlist_referrer WHERE campaign = $1 AND admitted < $3 ORDER BY admitted LIMIT 1)
    UNION ALL
    SELECT (SELECT r.admitted FROM referral.waitlist_referrer AS r
             WHERE r.campaign = $1 AND r.admitted > level.admitted AND r.admitted < $3 ORDER BY r.admitted LIMIT 1)
      FROM level
     WHERE level.admitted IS NOT NULL
), few AS MATERIALIZED (
    SELECT r.referrer_id, r.admitted
      FROM level
     CROSS JOIN LATERAL (SELECT referrer_id, admitted
                           FROM referral.waitlist_referrer
                          WHERE campaign = $1 AND admitted = level.admitted AND least_need <= $2
                          LIMIT 257) AS r
     LIMIT 257
), could_fit AS (
    SELECT w.*, few.admitted
      FROM few
     CROSS JOIN LATERAL (SELECT *
                           FROM referral.waitlist AS p
                          WHERE p.campaign = $1 AND p.referrer_id = few.referrer_id AND NOT p.passed_over AND NOT p.growing AND p.least_need <= $2
                            AND (p.tier_starts IS NULL OR $2 >= p.tier_needs[width_bucket(1 + few.admitted, p.tier_starts)])
                          ORDER BY p.admission_order
                          LIMIT least($4::bigint, $3 - few.admitted)) AS w
     WHERE (SELECT count(*) FROM few) < 257
    UNION ALL
    SELECT w.*
      FROM (SELECT FROM few HAVING count(*) >= 257) AS many
     CROSS JOIN LATERAL (SELECT p.*, r.admitted
                           FROM referral.waitlist AS p
                           JOIN referral.waitlist_referrer AS r ON r.campaign = $1 AND r.referrer_id = p.referrer_id
                          WHERE p.campaign = $1 AND NOT p.growing AND NOT p.passed_over AND p.least_need <= $2 AND r.admitted < $3
                            AND (p.tier_starts IS NULL OR $2 >= p.tier_needs[width_bucket(1 + r.admitted, p.tier_starts)])
                          ORDER BY p.admission_order
                          LIMIT $4) AS w
)
SELECT user_id, purchase_id, referrer_id, admission_order, growing, least_need, tier_starts, tier_needs, admitted, false AS outdated
  FROM could_fit
 ORDER BY admission_order
 LIMIT $4;
