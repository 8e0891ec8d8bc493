-- Inserts new refunds, with defaults for omitted values.
-- Uses refund_pkey.
INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount, refunded_at)
SELECT user_id, purchase_id, refund_id, amount, coalesce(refunded_at, now())
  FROM unnest(@user_ids::text[], @purchase_ids::text[], @refund_ids::text[], @amounts::bigint[],
              @refunded_at::timestamptz[])
       AS given(user_id, purchase_id, refund_id, amount, refunded_at)
    ON CONFLICT (user_id, purchase_id, refund_id) DO NOTHING
RETURNING user_id, purchase_id, refund_id, amount, refunded_at;
