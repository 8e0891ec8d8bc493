-- Reads signups; of fingerprints the texts, whatever the array is like. Reads attributes only if $2
-- (a condition may use them), and of larger ones only as much as shows that they are too large.
-- Uses signup_pkey.
SELECT user_id, coalesce(visitor_id, ''), coalesce(referral.normal_code(code), ''), signed_up_at, arrived_at,
       CASE WHEN fingerprints <> '{}' THEN ARRAY(SELECT f FROM unnest(fingerprints) AS f WHERE f IS NOT NULL) END, blanked,
       CASE WHEN $2 THEN left(attributes::text, 65537) END,
       referral.hash_of_signup(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked)
  FROM referral.signup
 WHERE user_id = ANY ($1);
