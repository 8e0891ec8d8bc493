-- Finds the stored rows of given purchases, and whether the attributes equal the given ones by
-- value; true if none were given or they have been erased.
-- Uses purchase_pkey.
SELECT given.number,
       coalesce(p.attributes = nullif(given.attributes, '')::jsonb, true)
       OR p.blanked,
       p.user_id, p.purchase_id, p.amount, p.currency, p.purchased_at, nullif(p.attributes, '{}'), p.arrived_at
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @amounts::bigint[], @currencies::text[],
              @purchased_at::timestamptz[], @attributes::text[]) WITH ORDINALITY
       AS given(user_id, purchase_id, amount, currency, purchased_at, attributes, number)
  JOIN referral.purchase AS p USING (user_id, purchase_id);
