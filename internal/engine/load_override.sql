-- Rides on override_pkey.
SELECT user_id, purchase_id, verdict
  FROM referral.override
 WHERE user_id = ANY ($1);
