-- Refunds order-3 in full.
INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount)
VALUES ('carol', 'order-3', 'refund-3', 4000);
