-- How many pairs these referrers have in each campaign.
-- Rides on referrer_pkey.
SELECT r.campaign, r.referrer_id, r.pairs
  FROM unnest($1::text[], $2::text[]) AS asked(campaign, referrer_id)
  JOIN referral.referrer AS r USING (campaign, referrer_id);
