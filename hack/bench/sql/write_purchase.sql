-- Writes one purchase, as a shop's checkout does.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, $2, 2500, 'USD');
