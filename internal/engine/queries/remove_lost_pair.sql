-- Deletes the counts of lost pairs whose rows are back.
-- Uses lost_pair_pkey.
DELETE FROM referral.lost_pair AS p
 USING unnest($1::text[], $2::text[], $3::text[]) AS d(campaign, user_id, purchase_id)
 WHERE (p.campaign, p.user_id, p.purchase_id) = (d.campaign, d.user_id, d.purchase_id);
