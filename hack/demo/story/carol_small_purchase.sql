-- A code that was typed, in any case, and an order below the policy's minimum.
BEGIN;
INSERT INTO referral.signup (user_id, code)
VALUES ('carol', 'Alice-7Q2K');
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('carol', 'order-2', 1500, 'USD');
COMMIT;
