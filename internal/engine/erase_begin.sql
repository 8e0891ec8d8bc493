-- Begins or goes on with the erasure of $1: answers requests that have come, and remembers the
-- visitors whose touches are to be moved, which are those of the signup and of its attribution.
-- Uses erasure_pkey, signup_pkey and attribution_pkey.
WITH begun AS (
    INSERT INTO referral.erasing AS e (user_id) VALUES ($1)
        ON CONFLICT (user_id) DO UPDATE SET retry_at = NULL, campaign = NULL
     WHERE e.retry_at IS NOT NULL OR e.campaign IS NOT NULL
), answered AS (
    INSERT INTO referral.erasure_progress (user_id, requested_at)
    SELECT user_id, requested_at FROM referral.erasure WHERE user_id = $1
        ON CONFLICT DO NOTHING
)
INSERT INTO referral.erasing_visitor (user_id, visitor_id)
SELECT $1, visitor_id FROM referral.signup WHERE user_id = $1 AND visitor_id IS NOT NULL
UNION
SELECT $1, visitor_id FROM referral.attribution WHERE user_id = $1 AND visitor_id IS NOT NULL
    ON CONFLICT DO NOTHING;
