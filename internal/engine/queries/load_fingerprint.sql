-- Reads the fingerprints of referrers' own signups.
-- Uses signup_pkey.
SELECT user_id, fingerprints
  FROM referral.signup
 WHERE user_id = ANY ($1) AND fingerprints <> '{}';
