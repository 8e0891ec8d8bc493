-- Finishes visitor $2 of the user $1 when none of its touches is left to move, and enqueues the
-- visitor for signups that came meanwhile.
-- Uses touch_pkey and erasing_visitor_pkey.
WITH done AS (
    UPDATE referral.erasing_visitor SET moved = true
     WHERE user_id = $1 AND visitor_id = $2
       AND NOT EXISTS (SELECT FROM referral.touch WHERE visitor_id = $2 AND NOT blanked)
    RETURNING visitor_id
), enqueued AS (
    INSERT INTO referral.change (shard, kind, key)
    SELECT referral.shard_of(visitor_id), 'Visitor', visitor_id FROM done
)
SELECT count(*) FROM done;
