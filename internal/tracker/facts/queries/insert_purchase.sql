-- Inserts new purchases, with defaults for omitted values. Returns the columns of find_purchase,
-- without attributes of more than 2 KiB: Postgres may write many times the bytes that were given.
-- Uses purchase_pkey.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at, attributes)
SELECT user_id, purchase_id, amount, currency, coalesce(purchased_at, now()), coalesce(nullif(attributes, '')::jsonb, '{}')
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @amounts::bigint[], @currencies::text[],
              @purchased_at::timestamptz[], @attributes::text[])
       AS given(user_id, purchase_id, amount, currency, purchased_at, attributes)
    ON CONFLICT (user_id, purchase_id) DO NOTHING
RETURNING user_id, purchase_id, amount, currency, purchased_at,
          CASE WHEN octet_length(attributes::text) <= 2048 THEN nullif(attributes, '{}') END, arrived_at,
          false, octet_length(attributes::text) > 2048;
