-- Inserts a link, unless its code is taken.
-- Uses link_pkey.
INSERT INTO referral.link (code, campaign, referrer_id, label, destination, expires_at)
VALUES (referral.normal_code(@code), @campaign, @referrer_id, @label, nullif(@destination::text, ''), @expires_at)
    ON CONFLICT (code) DO NOTHING
RETURNING code, campaign, referrer_id, label, destination, expires_at, created_at, disabled_at;
