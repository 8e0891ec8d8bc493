-- Finds the stored rows of given signups, and whether attributes and code equal the given ones, if
-- any.
-- Uses signup_pkey.
SELECT given.number, coalesce(s.attributes = nullif(given.attributes, '')::jsonb, true),
       s.user_id, s.visitor_id, s.code, s.signed_up_at, s.fingerprints, nullif(s.attributes, '{}'), s.arrived_at, s.blanked,
       coalesce(referral.normal_code(s.code) = referral.normal_code(given.code), referral.normal_code(given.code) IS NULL)
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @codes::text[], @signed_up_at::timestamptz[],
              @fingerprints::text[], @attributes::text[]) WITH ORDINALITY
       AS given(user_id, visitor_id, code, signed_up_at, fingerprints, attributes, number)
  JOIN referral.signup AS s USING (user_id);
