-- Finds the stored rows of given signups, and whether attributes and code equal the given ones, if
-- any. Attributes or fingerprints of more than 64 KiB are not read, only reported: no more are
-- accepted over HTTP, and SQL may have written any. Fingerprints that are null identify nothing and
-- are left out; an array of several dimensions is read as a list.
-- Uses signup_pkey.
SELECT given.number, coalesce(s.attributes = nullif(given.attributes, '')::jsonb, true),
       s.user_id, s.visitor_id, s.code, s.signed_up_at,
       CASE WHEN NOT fingerprints.large THEN ARRAY(SELECT one FROM unnest(s.fingerprints) AS one WHERE one IS NOT NULL) END,
       CASE WHEN NOT attributes.large THEN nullif(s.attributes, '{}') END, s.arrived_at, s.blanked,
       coalesce(referral.normal_code(s.code) = referral.normal_code(given.code), referral.normal_code(given.code) IS NULL),
       fingerprints.large, attributes.large
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @codes::text[], @signed_up_at::timestamptz[],
              @fingerprints::text[], @attributes::text[]) WITH ORDINALITY
       AS given(user_id, visitor_id, code, signed_up_at, fingerprints, attributes, number)
  JOIN referral.signup AS s USING (user_id)
 CROSS JOIN LATERAL (SELECT octet_length(s.attributes::text) > 65536 AS large) AS attributes
 CROSS JOIN LATERAL (SELECT octet_length(array_to_string(s.fingerprints, '')) > 65536 AS large) AS fingerprints;
