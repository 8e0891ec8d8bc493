-- Signup and first order in one transaction.
BEGIN;
INSERT INTO referral.signup (user_id, code)
VALUES ('gina', 'alice-7q2k');
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('gina', 'order-7', 5000, 'USD');
COMMIT;
