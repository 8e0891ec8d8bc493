-- Enters the grant of $5.00, one statement per pair.
INSERT INTO referral.ledger
       (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
VALUES ($1, $2, 'inviter', 1, $3, 1, $4, 500, 'USD', 'Grant', 'Qualified');
