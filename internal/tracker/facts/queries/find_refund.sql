-- Finds the stored rows of given refunds.
-- Uses refund_pkey.
SELECT given.number, true, r.user_id, r.purchase_id, r.refund_id, r.amount, r.refunded_at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[]) WITH ORDINALITY
       AS given(user_id, purchase_id, refund_id, amount, refunded_at, number)
  JOIN referral.refund AS r USING (user_id, purchase_id, refund_id);
