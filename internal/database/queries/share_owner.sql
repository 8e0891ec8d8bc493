-- The owner, who stays the same until the transaction ends, while others may
-- rely on that too. At most one row.
SELECT installation, name, uid, heartbeat_at, released_at, heartbeat_at < clock_timestamp() - interval '5 minutes'
  FROM referral.owner
   FOR SHARE
