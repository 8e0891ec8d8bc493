-- Records the least need of the waiting pairs of these referrers. Their campaigns are locked, and
-- waitlist and referrer are already written.
-- Uses waitlist_referrer_pkey, waitlist_referrer_need and referrer_pkey.
WITH waits AS MATERIALIZED (
    SELECT c.campaign, c.referrer_id,
           (SELECT least_need
              FROM referral.waitlist AS w
             WHERE w.campaign = c.campaign AND w.referrer_id = c.referrer_id AND NOT w.passed_over AND NOT w.growing
             ORDER BY least_need
             LIMIT 1) AS least_need,
           coalesce((SELECT r.pairs FROM referral.referrer AS r WHERE r.campaign = c.campaign AND r.referrer_id = c.referrer_id), 0) AS admitted
      FROM (SELECT DISTINCT campaign, referrer_id FROM unnest($1::text[], $2::text[]) AS c(campaign, referrer_id)) AS c
), gone AS (
    DELETE FROM referral.waitlist_referrer AS r
     USING waits AS w
     WHERE r.campaign = w.campaign AND r.referrer_id = w.referrer_id AND w.least_need IS NULL
)
INSERT INTO referral.waitlist_referrer AS r (campaign, referrer_id, admitted, least_need)
SELECT campaign, referrer_id, admitted, least_need FROM waits WHERE least_need IS NOT NULL
    ON CONFLICT (campaign, referrer_id) DO UPDATE SET admitted = excluded.admitted, least_need = excluded.least_need
 WHERE (r.admitted, r.least_need) <> (excluded.admitted, excluded.least_need);
