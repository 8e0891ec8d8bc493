-- Reads one signup as it is stored, with the columns of find_signup. Attributes or fingerprints of
-- more than 64 KiB, which SQL may have written since find_signup, are left out and reported.
-- Uses signup_pkey.
SELECT s.user_id, s.visitor_id, s.code, s.signed_up_at,
       CASE WHEN fingerprints.bytes <= 65536 THEN ARRAY(SELECT one FROM unnest(s.fingerprints) AS one WHERE one IS NOT NULL) END,
       CASE WHEN attributes.bytes <= 65536 THEN nullif(s.attributes, '{}') END, s.arrived_at, s.blanked,
       true, true, fingerprints.bytes > 65536, attributes.bytes > 65536, false
  FROM referral.signup AS s
 CROSS JOIN LATERAL (SELECT octet_length(s.attributes::text) AS bytes) AS attributes
 CROSS JOIN LATERAL (SELECT octet_length(array_to_string(s.fingerprints, '')) AS bytes) AS fingerprints
 WHERE s.user_id = $1;
