-- Makes these held pairs not due until their campaign is open again.
-- Uses pair_pkey.
UPDATE referral.pair AS p SET postponed = true
  FROM unnest($1::text[], $2::text[]) AS d(user_id, purchase_id)
 WHERE p.user_id = d.user_id AND p.purchase_id = d.purchase_id;
