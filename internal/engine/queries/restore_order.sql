-- Puts altered admission orders of pairs back. Their checksums follow when the pairs are revised.
-- Uses pair_pkey.
UPDATE referral.pair AS p
   SET admission_order = d.admission_order
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS d(user_id, purchase_id, admission_order)
 WHERE p.user_id = d.user_id AND p.purchase_id = d.purchase_id AND p.admission_order <> d.admission_order;
