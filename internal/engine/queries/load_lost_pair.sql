-- Finds which of these pairs have been counted as lost in the current interval.
-- Uses lost_pair_pkey.
SELECT p.campaign, p.user_id, p.purchase_id
  FROM unnest($1::text[], $2::text[], $3::text[]) AS k(campaign, user_id, purchase_id)
  JOIN referral.lost_pair AS p USING (campaign, user_id, purchase_id)
  JOIN referral.loss AS l ON l.campaign = p.campaign
 WHERE p.counted_at >= l.began_at;
