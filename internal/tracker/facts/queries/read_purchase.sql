-- Reads one purchase as it is stored, with the columns of find_purchase. Attributes of more than
-- 64 KiB, which SQL may have written since find_purchase, are left out and reported.
-- Uses purchase_pkey.
SELECT p.user_id, p.purchase_id, p.amount, p.currency, p.purchased_at,
       CASE WHEN attributes.bytes <= 65536 THEN nullif(p.attributes, '{}') END, p.arrived_at,
       attributes.bytes > 65536, false
  FROM referral.purchase AS p
 CROSS JOIN LATERAL (SELECT octet_length(p.attributes::text) AS bytes) AS attributes
 WHERE p.user_id = $1 AND p.purchase_id = $2;
