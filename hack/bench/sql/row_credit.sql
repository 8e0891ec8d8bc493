-- Records the referrer's credit of $5.00, one statement per pair.
INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount)
VALUES ($1, $2, 'inviter', $3, $4, 'USD', 500);
