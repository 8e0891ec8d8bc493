-- Signup and first order in one transaction.
BEGIN;
INSERT INTO referral.signup (user_id, code)
VALUES ('frank', 'alice-7q2k');
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('frank', 'order-6', 3000, 'USD');
COMMIT;
