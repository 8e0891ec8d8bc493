-- Ends the erasure of $1 and completes every request that existed when the step began.
-- Uses erasing_pkey, erasing_visitor_pkey and erasure_progress_pkey.
WITH ended AS (
    DELETE FROM referral.erasing WHERE user_id = $1
), forgotten AS (
    DELETE FROM referral.erasing_visitor WHERE user_id = $1
)
UPDATE referral.erasure_progress SET completed_at = clock_timestamp() WHERE user_id = $1 AND completed_at IS NULL;
