-- One purchase, as a shop's checkout records it.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, $2, 2500, 'USD');
