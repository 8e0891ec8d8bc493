-- Signup and first order in one transaction. Codes are compared in lower case.
BEGIN;
INSERT INTO referral.signup (user_id, code)
VALUES ('frank', 'Alice-7Q2K');
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('frank', 'order-6', 3000, 'USD');
COMMIT;
