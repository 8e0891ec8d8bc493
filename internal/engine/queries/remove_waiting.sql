-- Deletes pairs from the waitlist.
-- Uses waitlist_pkey.
DELETE FROM referral.waitlist AS w
 USING unnest($1::text[], $2::text[]) AS gone(user_id, purchase_id)
 WHERE w.user_id = gone.user_id AND w.purchase_id = gone.purchase_id;
