-- Rides on signup_pkey. Attributes only where $2 says that a condition may ask
-- for them; of larger ones only so much that it is seen that they are too large.
SELECT user_id, coalesce(visitor_id, ''), coalesce(referral.normal_code(code), ''), signed_up_at, arrived_at, fingerprints, blanked,
       CASE WHEN $2 THEN left(attributes::text, 65537) END,
       referral.hash_of_signup(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked)
  FROM referral.signup
 WHERE user_id = ANY ($1);
