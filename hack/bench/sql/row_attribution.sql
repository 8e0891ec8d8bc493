-- Records the attribution of a referee, one statement per pair. Uses attribution_pkey.
INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, touched_at, source)
VALUES ($1, $2, $3, $4, $5, 'Code')
    ON CONFLICT (user_id) DO NOTHING;
