-- Records what waits of these referrers, in campaigns whose rows are locked: after waitlist and
-- referrer were written.
-- Uses waitlist_referrer_pkey, waitlist_referrer_need and referrer_pkey.
WITH concerned AS MATERIALIZED (
    SELECT DISTINCT c.campaign, c.referrer_id FROM unnest($1::text[], $2::text[]) AS c(campaign, referrer_id)
), waits AS MATERIALIZED (
    SELECT c.campaign, c.referrer_id, w.least_need,
           coalesce((SELECT r.pairs FROM referral.referrer AS r WHERE r.campaign = c.campaign AND r.referrer_id = c.referrer_id), 0) AS admitted
      FROM concerned AS c
     CROSS JOIN LATERAL (SELECT least_need
                           FROM referral.waitlist AS p
                          WHERE p.campaign = c.campaign AND p.referrer_id = c.referrer_id AND NOT p.passed_over AND NOT p.growing
                          ORDER BY least_need
                          LIMIT 1) AS w
), gone AS (
    DELETE FROM referral.waitlist_referrer AS r
     USING concerned AS c
     WHERE r.campaign = c.campaign AND r.referrer_id = c.referrer_id
       AND NOT EXISTS (SELECT FROM waits AS w WHERE w.campaign = c.campaign AND w.referrer_id = c.referrer_id)
)
INSERT INTO referral.waitlist_referrer AS r (campaign, referrer_id, admitted, least_need)
SELECT campaign, referrer_id, admitted, least_need FROM waits
    ON CONFLICT (campaign, referrer_id) DO UPDATE SET admitted = excluded.admitted, least_need = excluded.least_need
 WHERE (r.admitted, r.least_need) <> (excluded.admitted, excluded.least_need);
