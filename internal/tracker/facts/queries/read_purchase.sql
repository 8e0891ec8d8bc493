-- Reads one purchase as it is stored, and compares it with the given one as find_purchase does: the
-- row may have changed since. Attributes of more than 64 KiB, which SQL may have written, are left out
-- and reported.
-- Uses purchase_pkey.
SELECT given.number,
       coalesce(p.attributes = nullif(given.attributes, '')::jsonb, true)
       OR p.blanked,
       p.user_id, p.purchase_id, p.amount, p.currency, p.purchased_at,
       CASE WHEN attributes.bytes <= 65536 THEN nullif(p.attributes, '{}') END, p.arrived_at,
       attributes.bytes > 65536, false
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @amounts::bigint[], @currencies::text[],
              @purchased_at::timestamptz[], @attributes::text[]) WITH ORDINALITY
       AS given(user_id, purchase_id, amount, currency, purchased_at, attributes, number)
  JOIN referral.purchase AS p USING (user_id, purchase_id)
 CROSS JOIN LATERAL (SELECT octet_length(p.attributes::text) AS bytes) AS attributes;
