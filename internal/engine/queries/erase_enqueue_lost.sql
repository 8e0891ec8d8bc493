-- Enqueues erasures whose next step is not in the queue because its change was lost, at most 1000.
-- Uses erasing_pkey, erasure_progress_pkey and change_key.
INSERT INTO referral.change (shard, kind, key)
SELECT DISTINCT referral.shard_of(e.user_id), 'Erasure', e.user_id
  FROM referral.erasure AS e
  LEFT JOIN referral.erasure_progress AS p USING (user_id, requested_at)
  LEFT JOIN referral.erasing AS w ON w.user_id = e.user_id
 WHERE p.completed_at IS NULL AND w.retry_at IS NULL
   AND NOT EXISTS (SELECT FROM referral.change AS c
                    WHERE c.shard = referral.shard_of(e.user_id) AND c.key = e.user_id AND c.kind = 'Erasure')
 LIMIT 1000;
