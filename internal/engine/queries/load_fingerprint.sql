-- Reads the fingerprints of referrers' own signups, with their hashes.
-- Uses signup_pkey.
SELECT user_id, ARRAY(SELECT f FROM unnest(fingerprints) AS f WHERE f IS NOT NULL), referral.hash_of_referrer(user_id, fingerprints)
  FROM referral.signup
 WHERE user_id = ANY ($1) AND fingerprints <> '{}';
