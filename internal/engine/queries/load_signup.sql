-- Reads signups; of fingerprints the texts, whatever the array is like. If these have more than 64
-- KiB, which a contract of 64 texts of 255 characters does not reach, it only reports that: a row
-- must not be too long to be read. Reads attributes only if $2 (a condition may use them), and of
-- larger ones only as much as shows that they are too large. OFFSET 0 has fingerprints measured once.
-- Uses signup_pkey.
SELECT user_id, coalesce(visitor_id, ''), coalesce(referral.normal_code(code), ''), signed_up_at, arrived_at,
       CASE WHEN fingerprints <> '{}' AND NOT measured.long THEN ARRAY(SELECT f FROM unnest(fingerprints) AS f WHERE f IS NOT NULL) END,
       measured.long, blanked,
       CASE WHEN $2 THEN left(attributes::text, 65537) END,
       referral.hash_of_signup(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked)
  FROM referral.signup
 CROSS JOIN LATERAL (SELECT coalesce(octet_length(array_to_string(fingerprints, '')) > 65536, false) AS long OFFSET 0) AS measured
 WHERE user_id = ANY ($1);
