-- Postpones the next step of the erasure of $1 by a quarter of the time since its first request that
-- is not completed: by $2 microseconds at least and by $3 at most, or longer while the campaign $4
-- is suspended. So a step that fails again and again is tried less and less often.
-- Uses erasure_pkey, erasure_progress_pkey and erasing_pkey.
INSERT INTO referral.erasing (user_id, retry_at, campaign)
SELECT $1::text,
       now() + greatest(least(coalesce(max(now() - e.requested_at), interval '0') / 4, $3 * interval '1 microsecond'), $2 * interval '1 microsecond'),
       nullif($4, '')
  FROM referral.erasure AS e
  LEFT JOIN referral.erasure_progress AS p USING (user_id, requested_at)
 WHERE e.user_id = $1 AND p.completed_at IS NULL
    ON CONFLICT (user_id) DO UPDATE SET retry_at = excluded.retry_at, campaign = excluded.campaign;
