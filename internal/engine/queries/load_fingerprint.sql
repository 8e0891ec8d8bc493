-- Reads the fingerprints of referrers' own signups.
-- Uses signup_pkey.
SELECT user_id, ARRAY(SELECT f FROM unnest(fingerprints) AS f WHERE f IS NOT NULL)
  FROM referral.signup
 WHERE user_id = ANY ($1) AND fingerprints <> '{}';
