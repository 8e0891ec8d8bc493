-- Refunds order-1 in full.
INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount)
VALUES ('bob', 'order-1', 'refund-1', 2500);
