-- Rides on withheld_pkey.
DELETE FROM referral.withheld AS w
 USING unnest($1::text[], $2::text[]) AS d(campaign, user_id)
 WHERE w.campaign = d.campaign AND w.user_id = d.user_id;
