-- Finds the stored rows of given refunds.
-- Uses refund_pkey.
SELECT given.number, true, r.user_id, r.purchase_id, r.refund_id, r.amount, r.refunded_at
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @refund_ids::text[], @amounts::bigint[],
              @refunded_at::timestamptz[]) WITH ORDINALITY
       AS given(user_id, purchase_id, refund_id, amount, refunded_at, number)
  JOIN referral.refund AS r USING (user_id, purchase_id, refund_id);
