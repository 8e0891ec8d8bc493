-- Sets the locked referrers' counters to their numbers of admitted pairs.
-- Reads pair whole.
UPDATE referral.referrer AS r
   SET pairs = coalesce(p.pairs, 0)
  FROM unnest($1::text[], $2::text[]) AS n(campaign, referrer_id)
  LEFT JOIN (SELECT campaign, referrer_id, count(*) AS pairs FROM referral.pair
              WHERE state IN ('Held', 'Granted') AND referrer_id = ANY ($2) GROUP BY campaign, referrer_id) AS p
         ON p.campaign = n.campaign AND p.referrer_id = n.referrer_id
 WHERE r.campaign = n.campaign AND r.referrer_id = n.referrer_id;
