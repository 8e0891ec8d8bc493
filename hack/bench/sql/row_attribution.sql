INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, touched_at, source)
VALUES ($1, $2, $3, $4, $5, 'Code')
    ON CONFLICT (user_id) DO NOTHING;
