-- Reads rows of the waitlist that have no pair.
-- Uses waitlist_pkey and pair_pkey.
SELECT w.user_id, w.purchase_id, w.campaign, w.referrer_id
  FROM referral.waitlist AS w
 WHERE w.user_id = ANY ($1)
   AND NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = w.user_id AND p.purchase_id = w.purchase_id);
