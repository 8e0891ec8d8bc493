-- Finds the newest request to erase a user, and when the last of all requests was completed; null
-- if one is not. Uses erasure_pkey and erasure_progress_pkey.
SELECT max(e.requested_at), CASE WHEN bool_and(p.completed_at IS NOT NULL) THEN max(p.completed_at) END
  FROM referral.erasure AS e
  LEFT JOIN referral.erasure_progress AS p USING (user_id, requested_at)
 WHERE e.user_id = $1
HAVING count(*) > 0;
