-- Postpones the next step of the erasure of $1 by $2 microseconds, or longer while the campaign $3
-- is suspended.
-- Uses erasing_pkey.
INSERT INTO referral.erasing (user_id, retry_at, campaign)
VALUES ($1, now() + $2 * interval '1 microsecond', nullif($3, ''))
    ON CONFLICT (user_id) DO UPDATE SET retry_at = excluded.retry_at, campaign = excluded.campaign;
