-- Reads how many admitted pairs these referrers have in each campaign, and whether they have
-- waiting pairs.
-- Uses referrer_pkey and waitlist_referrer_pkey.
SELECT a.campaign, a.referrer_id, coalesce(r.pairs, 0), w.referrer_id IS NOT NULL
  FROM unnest($1::text[], $2::text[]) AS a(campaign, referrer_id)
  LEFT JOIN referral.referrer AS r ON r.campaign = a.campaign AND r.referrer_id = a.referrer_id
  LEFT JOIN referral.waitlist_referrer AS w ON w.campaign = a.campaign AND w.referrer_id = a.referrer_id;
