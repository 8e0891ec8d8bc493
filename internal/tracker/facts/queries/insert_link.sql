-- Inserts a link, unless its code is taken.
-- Uses link_pkey.
INSERT INTO referral.link (code, campaign, referrer_id, label, destination, expires_at)
VALUES (referral.normal_code($1), $2, $3, $4, nullif($5::text, ''), $6)
    ON CONFLICT (code) DO NOTHING
RETURNING code, campaign, referrer_id, label, destination, expires_at, created_at, disabled_at;
