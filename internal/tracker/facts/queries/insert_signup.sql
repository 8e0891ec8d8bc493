-- Inserts new signups, with defaults for omitted values. Returns the columns of find_signup,
-- without attributes or fingerprints of more than 2 KiB: Postgres may write many times the bytes
-- that were given. Uses signup_pkey.
INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at, fingerprints, attributes)
SELECT user_id, nullif(visitor_id, ''), referral.normal_code(code), coalesce(signed_up_at, now()),
       ARRAY(SELECT jsonb_array_elements_text(nullif(fingerprints, '')::jsonb)), coalesce(nullif(attributes, '')::jsonb, '{}')
  FROM unnest(@user_ids::text[], @visitor_ids::text[], @codes::text[], @signed_up_at::timestamptz[],
              @fingerprints::text[], @attributes::text[])
       AS given(user_id, visitor_id, code, signed_up_at, fingerprints, attributes)
    ON CONFLICT (user_id) DO NOTHING
RETURNING user_id, visitor_id, code, signed_up_at,
          CASE WHEN octet_length(array_to_string(fingerprints, '')) <= 2048 THEN fingerprints END,
          CASE WHEN octet_length(attributes::text) <= 2048 THEN nullif(attributes, '{}') END, arrived_at, blanked,
          true, true, false, false, octet_length(array_to_string(fingerprints, '')) > 2048 OR octet_length(attributes::text) > 2048;
