-- Refunds $10.00 of an order of $25.00 that is recorded afterwards. Erin typed the code.
INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount)
VALUES ('erin', 'order-5', 'refund-2', 1000);

INSERT INTO referral.signup (user_id, code)
VALUES ('erin', 'alice-7q2k');

INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('erin', 'order-5', 2500, 'USD');
