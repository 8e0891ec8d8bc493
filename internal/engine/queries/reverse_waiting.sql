-- Reads the waitlist rows of a campaign in a range of keys.
-- Uses waitlist_pkey.
SELECT user_id, purchase_id, referrer_id
  FROM referral.waitlist
 WHERE campaign = @campaign AND (user_id, purchase_id) > (@after_user, @after_purchase) AND (@last_user::text IS NULL OR (user_id, purchase_id) <= (@last_user, @last_purchase));
