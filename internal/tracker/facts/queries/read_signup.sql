-- Reads one signup as it is stored, and compares it with the given one as find_signup does: the row
-- may have changed since. Attributes or fingerprints of more than 64 KiB, which SQL may have written,
-- are left out and reported.
-- Uses signup_pkey.
SELECT given.number, coalesce(s.attributes = nullif(given.attributes, '')::jsonb, true),
       s.user_id, s.visitor_id, s.code, s.signed_up_at,
       CASE WHEN fingerprints.bytes <= 65536 THEN ARRAY(SELECT one FROM unnest(s.fingerprints) AS one WHERE one IS NOT NULL) END,
       CASE WHEN attributes.bytes <= 65536 THEN nullif(s.attributes, '{}') END, s.arrived_at, s.blanked,
       coalesce(referral.normal_code(s.code) = referral.normal_code(given.code), referral.normal_code(given.code) IS NULL),
       given.fingerprints = ''
       OR ARRAY(SELECT DISTINCT one FROM unnest(s.fingerprints) AS one WHERE one IS NOT NULL ORDER BY one)
        = ARRAY(SELECT DISTINCT one FROM jsonb_array_elements_text(nullif(given.fingerprints, '')::jsonb) AS one ORDER BY one),
       fingerprints.bytes > 65536, attributes.bytes > 65536, false
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @codes::text[], @signed_up_at::timestamptz[],
              @fingerprints::text[], @attributes::text[]) WITH ORDINALITY
       AS given(user_id, visitor_id, code, signed_up_at, fingerprints, attributes, number)
  JOIN referral.signup AS s USING (user_id)
 CROSS JOIN LATERAL (SELECT octet_length(s.attributes::text) AS bytes) AS attributes
 CROSS JOIN LATERAL (SELECT octet_length(array_to_string(s.fingerprints, '')) AS bytes) AS fingerprints;
