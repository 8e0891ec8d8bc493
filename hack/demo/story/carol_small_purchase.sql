-- An order below the policy's minimum.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('carol', 'order-2', 1500, 'USD');
