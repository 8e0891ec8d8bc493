-- Reads the fingerprints of referrers' own signups. Those of more than 64 KiB are only reported; see
-- load_signup. OFFSET 0 has them measured once.
-- Uses signup_pkey.
SELECT user_id, CASE WHEN NOT measured.long THEN ARRAY(SELECT f FROM unnest(fingerprints) AS f WHERE f IS NOT NULL) END, measured.long
  FROM referral.signup
 CROSS JOIN LATERAL (SELECT coalesce(octet_length(array_to_string(fingerprints, '')) > 65536, false) AS long OFFSET 0) AS measured
 WHERE user_id = ANY ($1) AND fingerprints <> '{}';
