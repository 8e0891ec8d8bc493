-- Amounts are minor units: 2500 cents.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
VALUES ('bob', 'order-1', 2500, 'USD');
