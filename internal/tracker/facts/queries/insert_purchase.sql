-- Inserts new purchases, with defaults for omitted values.
-- Uses purchase_pkey.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at, attributes)
SELECT user_id, purchase_id, amount, currency, coalesce(purchased_at, now()), coalesce(nullif(attributes, '')::jsonb, '{}')
  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[])
       AS given(user_id, purchase_id, amount, currency, purchased_at, attributes)
    ON CONFLICT (user_id, purchase_id) DO NOTHING
RETURNING user_id, purchase_id, amount, currency, purchased_at, attributes, arrived_at;
