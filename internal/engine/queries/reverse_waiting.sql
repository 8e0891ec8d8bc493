-- Rows of the waitlist of campaign $1 in a range of keys. Uses waitlist_pkey.
SELECT user_id, purchase_id, referrer_id
  FROM referral.waitlist
 WHERE campaign = $1 AND (user_id, purchase_id) > ($2, $3) AND ($4::text IS NULL OR (user_id, purchase_id) <= ($4, $5));
