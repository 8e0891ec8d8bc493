-- Finds the first waiting pairs of a campaign that need at most @budget, in minor units, and whose
-- referrer has fewer admitted pairs than the cap (@cap). At most @limit, and of one referrer at
-- most as many as the cap allows beside the @own pairs that the caller decides itself.
--
-- Referrers below the cap are found by their number of admitted pairs, so that referrers at the cap
-- cost nothing. If few of them could have a pair that fits, the first pairs of each are read; if
-- many could, the first pairs that fit are found by following the waitlist.
--
-- LIMIT 1 has the planner look up one row by both columns of its key, whatever the statistics say
-- of the campaign. It might join by the campaign alone otherwise.
-- Uses waitlist_referrer_admitted, waitlist_referrer_pkey, waitlist_referrer_order and
-- waitlist_order.
WITH RECURSIVE level AS ( -- each number of admitted pairs that some referrer has
    (SELECT admitted FROM referral.waitlist_referrer WHERE campaign = @campaign AND admitted < @cap ORDER BY admitted LIMIT 1)
    UNION ALL
    SELECT (SELECT r.admitted FROM referral.waitlist_referrer AS r
             WHERE r.campaign = @campaign AND r.admitted > level.admitted AND r.admitted < @cap ORDER BY r.admitted LIMIT 1)
      FROM level
     WHERE level.admitted IS NOT NULL
), few AS MATERIALIZED (
    SELECT r.referrer_id, r.admitted
      FROM level
     CROSS JOIN LATERAL (SELECT referrer_id, admitted
                           FROM referral.waitlist_referrer
                          WHERE campaign = @campaign AND admitted = level.admitted AND least_need <= @budget
                          LIMIT 257) AS r
     LIMIT 257
), could_fit AS (
    SELECT w.*, few.admitted
      FROM few
     CROSS JOIN LATERAL (SELECT *
                           FROM referral.waitlist AS p
                          WHERE p.campaign = @campaign AND p.referrer_id = few.referrer_id AND NOT p.passed_over AND NOT p.growing AND p.least_need <= @budget
                            AND (p.tier_starts IS NULL OR @budget >= p.tier_needs[width_bucket(1 + few.admitted, p.tier_starts)])
                          ORDER BY p.admission_order
                          LIMIT least(@limit::bigint, @cap - few.admitted + @own)) AS w
     WHERE (SELECT count(*) FROM few) < 257
    UNION ALL
    SELECT w.*
      FROM (SELECT FROM few HAVING count(*) >= 257) AS many
     CROSS JOIN LATERAL (SELECT p.*, r.admitted
                           FROM referral.waitlist AS p
                          CROSS JOIN LATERAL (SELECT admitted
                                                FROM referral.waitlist_referrer
                                               WHERE campaign = @campaign AND referrer_id = p.referrer_id
                                               LIMIT 1) AS r
                          WHERE p.campaign = @campaign AND NOT p.growing AND NOT p.passed_over AND p.least_need <= @budget AND r.admitted < @cap
                            AND (p.tier_starts IS NULL OR @budget >= p.tier_needs[width_bucket(1 + r.admitted, p.tier_starts)])
                          ORDER BY p.admission_order
                          LIMIT @limit) AS w
)
SELECT user_id, purchase_id, referrer_id, admission_order, growing, least_need, tier_starts, tier_needs, admitted, false AS outdated
  FROM could_fit
 ORDER BY admission_order
 LIMIT @limit;
