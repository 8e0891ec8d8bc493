-- Inserts new signups, with defaults for omitted values.
-- Uses signup_pkey.
INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at, fingerprints, attributes)
SELECT user_id, nullif(visitor_id, ''), referral.normal_code(code), coalesce(signed_up_at, now()),
       ARRAY(SELECT jsonb_array_elements_text(fingerprints::jsonb)), coalesce(nullif(attributes, '')::jsonb, '{}')
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @codes::text[], @signed_up_at::timestamptz[],
              @fingerprints::text[], @attributes::text[])
       AS given(user_id, visitor_id, code, signed_up_at, fingerprints, attributes)
    ON CONFLICT (user_id) DO NOTHING
RETURNING user_id, visitor_id, code, signed_up_at, fingerprints, nullif(attributes, '{}'), arrived_at, blanked, true, false, false;
