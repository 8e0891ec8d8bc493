-- The owner, share-locked until the transaction ends: it cannot change, and others may read it too.
-- At most one row.
SELECT installation, name, uid, generation, heartbeat_at, released_at, heartbeat_at < clock_timestamp() - interval '5 minutes'
  FROM referral.owner
   FOR SHARE
