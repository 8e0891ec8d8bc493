-- Carol's first order that counts.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('carol', 'order-3', 4000, 'USD');
