-- Finds the stored rows of given purchases, and whether the attributes equal the given ones by
-- value; true if none were given or they have been erased. Attributes of more than @longest bytes
-- are left out, since many rows may be read at a time. More than 64 KiB are only reported: no more
-- are accepted over HTTP, and SQL may have written any. OFFSET 0 has them measured once: 20 MB take a
-- quarter of a second. Uses purchase_pkey.
SELECT given.number,
       coalesce(p.attributes = nullif(given.attributes, '')::jsonb, true)
       OR p.blanked,
       p.user_id, p.purchase_id, p.amount, p.currency, p.purchased_at,
       CASE WHEN attributes.bytes <= @longest::bigint THEN nullif(p.attributes, '{}') END, p.arrived_at,
       attributes.bytes > 65536, attributes.bytes > @longest
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @amounts::bigint[], @currencies::text[],
              @purchased_at::timestamptz[], @attributes::text[]) WITH ORDINALITY
       AS given(user_id, purchase_id, amount, currency, purchased_at, attributes, number)
  JOIN referral.purchase AS p USING (user_id, purchase_id)
 CROSS JOIN LATERAL (SELECT octet_length(p.attributes::text) AS bytes OFFSET 0) AS attributes;
