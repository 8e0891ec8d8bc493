-- Reads overrides.
-- Uses override_pkey.
SELECT user_id, purchase_id, verdict, referral.hash_of_override(purchase_id, verdict)
  FROM referral.override
 WHERE user_id = ANY ($1);
