-- Finds the stored rows of given signups, and whether attributes, code and fingerprints equal the
-- given ones, if any; fingerprints regardless of their order. Attributes or fingerprints of more
-- than @longest bytes are left out, since many rows may be read at a time. More than 64 KiB are
-- only reported: no more are accepted over HTTP, and SQL may have written any. Fingerprints that
-- are null identify nothing and are left out; an array of several dimensions is read as a list.
-- OFFSET 0 has them measured once: 20 MB take a quarter of a second. Uses signup_pkey.
SELECT given.number, coalesce(s.attributes = nullif(given.attributes, '')::jsonb, true),
       s.user_id, s.visitor_id, s.code, s.signed_up_at,
       CASE WHEN fingerprints.bytes <= @longest::bigint THEN ARRAY(SELECT one FROM unnest(s.fingerprints) AS one WHERE one IS NOT NULL) END,
       CASE WHEN attributes.bytes <= @longest::bigint THEN nullif(s.attributes, '{}') END, s.arrived_at, s.blanked,
       coalesce(referral.normal_code(s.code) = referral.normal_code(given.code), referral.normal_code(given.code) IS NULL),
       given.fingerprints = ''
       OR ARRAY(SELECT DISTINCT one FROM unnest(s.fingerprints) AS one WHERE one IS NOT NULL ORDER BY one)
        = ARRAY(SELECT DISTINCT one FROM jsonb_array_elements_text(nullif(given.fingerprints, '')::jsonb) AS one ORDER BY one),
       fingerprints.bytes > 65536, attributes.bytes > 65536, fingerprints.bytes > @longest OR attributes.bytes > @longest
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @codes::text[], @signed_up_at::timestamptz[],
              @fingerprints::text[], @attributes::text[]) WITH ORDINALITY
       AS given(user_id, visitor_id, code, signed_up_at, fingerprints, attributes, number)
  JOIN referral.signup AS s USING (user_id)
 CROSS JOIN LATERAL (SELECT octet_length(s.attributes::text) AS bytes OFFSET 0) AS attributes
 CROSS JOIN LATERAL (SELECT octet_length(array_to_string(s.fingerprints, '')) AS bytes OFFSET 0) AS fingerprints;
