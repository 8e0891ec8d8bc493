-- Deletes pairs that are no longer withheld.
-- Uses withheld_pkey.
DELETE FROM referral.withheld AS w
 USING unnest($2::text[], $3::text[], $4::text[]) AS d(campaign, user_id, purchase_id)
 WHERE (w.campaign, w.user_id, w.purchase_id) = (d.campaign, d.user_id, d.purchase_id) AND w.cause = $1;
