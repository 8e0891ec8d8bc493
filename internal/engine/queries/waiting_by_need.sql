-- Finds the first waiting pairs of a campaign that need at most @budget, in minor units: growing
-- ones, those to be admitted, or both (@kinds). At most @limit, and at most as many as the budget
-- could serve beside the @own pairs that the caller decides itself.
--
-- If few pairs need that little, they are found by their need, wherever they are on the waitlist;
-- if many do, the first of them are found by following the waitlist. LIMIT 1: see
-- waiting_by_referrer.sql.
-- Uses waitlist_need, waitlist_order and referrer_pkey.
WITH cheapest AS MATERIALIZED (
    SELECT min(l.least_need) AS need
      FROM unnest(@kinds::bool[]) AS kind(growing)
     CROSS JOIN LATERAL (SELECT least_need
                           FROM referral.waitlist
                          WHERE campaign = @campaign AND growing = kind.growing AND NOT passed_over
                          ORDER BY least_need
                          LIMIT 1) AS l
), served AS MATERIALIZED ( -- how many the budget could serve at most, and one more
    SELECT CASE need WHEN 0 THEN @limit::bigint ELSE least(@limit, @own + 1 + least(@limit, @budget::bigint / need)) END AS pairs
      FROM cheapest
     WHERE need <= @budget
), few AS MATERIALIZED (
    SELECT f.*
      FROM served
     CROSS JOIN unnest(@kinds::bool[]) AS kind(growing)
     CROSS JOIN LATERAL (SELECT *
                           FROM referral.waitlist
                          WHERE campaign = @campaign AND growing = kind.growing AND least_need <= @budget AND NOT passed_over
                          ORDER BY least_need
                          LIMIT 257) AS f
), could_fit AS (
    SELECT f.* FROM few AS f WHERE (SELECT count(*) FROM few) < 257
    UNION ALL
    SELECT w.*
      FROM (SELECT FROM few HAVING count(*) >= 257) AS many
     CROSS JOIN LATERAL (SELECT p.*
                           FROM referral.waitlist AS p
                          WHERE p.campaign = @campaign AND p.growing = ANY (@kinds) AND p.least_need <= @budget AND NOT p.passed_over
                            AND (p.tier_starts IS NULL
                                 OR @budget >= p.tier_needs[width_bucket(1 + coalesce((SELECT r.pairs FROM referral.referrer AS r
                                                                                    WHERE r.campaign = @campaign AND r.referrer_id = p.referrer_id), 0), p.tier_starts)])
                          ORDER BY p.admission_order
                          LIMIT (SELECT pairs FROM served)) AS w
)
SELECT w.user_id, w.purchase_id, w.referrer_id, w.admission_order, w.growing, w.least_need, w.tier_starts, w.tier_needs,
       coalesce(r.pairs, 0) AS admitted, false AS outdated
  FROM could_fit AS w
  LEFT JOIN LATERAL (SELECT pairs FROM referral.referrer WHERE campaign = @campaign AND referrer_id = w.referrer_id LIMIT 1) AS r ON true
 WHERE w.tier_starts IS NULL OR @budget >= w.tier_needs[width_bucket(1 + coalesce(r.pairs, 0), w.tier_starts)]
 ORDER BY w.admission_order
 LIMIT (SELECT pairs FROM served);
