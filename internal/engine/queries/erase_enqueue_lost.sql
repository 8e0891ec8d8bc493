-- Enqueues the erasures of users after $1 up to $2 (null: the last) whose next step is not in the
-- queue because its change was lost. Each table is limited to these users.
-- Uses erasure_pkey, erasure_progress_pkey, erasing_pkey and change_key.
INSERT INTO referral.change (shard, kind, key)
SELECT DISTINCT referral.shard_of(e.user_id), 'Erasure', e.user_id
  FROM referral.erasure AS e
  LEFT JOIN referral.erasure_progress AS p ON p.user_id = e.user_id AND p.requested_at = e.requested_at
                                          AND p.user_id > $1 AND ($2::text IS NULL OR p.user_id <= $2)
  LEFT JOIN referral.erasing AS w ON w.user_id = e.user_id
                                 AND w.user_id > $1 AND ($2::text IS NULL OR w.user_id <= $2)
 WHERE e.user_id > $1 AND ($2::text IS NULL OR e.user_id <= $2)
   AND p.completed_at IS NULL AND w.retry_at IS NULL
   AND NOT EXISTS (SELECT FROM referral.change AS c
                    WHERE c.shard = referral.shard_of(e.user_id) AND c.key = e.user_id AND c.kind = 'Erasure');
