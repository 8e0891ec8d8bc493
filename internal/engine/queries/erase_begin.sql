-- Begins or continues the erasure of $1: marks requests as begun, and records the visitors whose
-- touches are to be moved, which are those of the signup and of its attribution. A request that
-- came since the last step makes all these visitors begin again.
-- Uses erasure_pkey, signup_pkey and attribution_pkey.
WITH begun AS (
    INSERT INTO referral.erasing AS e (user_id) VALUES ($1)
        ON CONFLICT (user_id) DO UPDATE SET retry_at = NULL, campaign = NULL
     WHERE e.retry_at IS NOT NULL OR e.campaign IS NOT NULL
), answered AS (
    INSERT INTO referral.erasure_progress (user_id, requested_at)
    SELECT user_id, requested_at FROM referral.erasure WHERE user_id = $1
        ON CONFLICT DO NOTHING
    RETURNING requested_at
)
INSERT INTO referral.erasing_visitor AS v (user_id, visitor_id)
SELECT $1, visitor_id FROM referral.signup WHERE user_id = $1 AND visitor_id IS NOT NULL
UNION
SELECT $1, visitor_id FROM referral.attribution WHERE user_id = $1 AND visitor_id IS NOT NULL
    ON CONFLICT (user_id, visitor_id) DO UPDATE
   SET listed_after = '', listed = false, settled_after = '', settled = false, moved_after = '', moved = false
 WHERE EXISTS (SELECT FROM answered);
