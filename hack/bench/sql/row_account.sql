INSERT INTO referral.account AS a (beneficiary_id, currency, available)
VALUES ($1, 'USD', 500)
    ON CONFLICT (beneficiary_id, currency) DO UPDATE SET available = a.available + excluded.available;
