-- Reads rows of the waitlist that have no pair.
-- Uses waitlist_pkey and pair_pkey.
SELECT w.user_id, w.purchase_id, w.campaign, w.referrer_id, w.admission_order, w.growing,
       w.checksum IS DISTINCT FROM referral.checksum_of_waiting(w.user_id, w.purchase_id, w.campaign, w.referrer_id, w.admission_order, w.growing,
                                                                w.least_need, w.tier_starts, w.tier_needs, w.edit) AS altered
  FROM referral.waitlist AS w
 WHERE w.user_id = ANY ($1)
   AND NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = w.user_id AND p.purchase_id = w.purchase_id);
