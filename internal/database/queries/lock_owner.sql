-- The owner, locked until the transaction ends. At most one row.
SELECT installation, name, uid, generation, heartbeat_at, released_at, heartbeat_at < clock_timestamp() - interval '5 minutes'
  FROM referral.owner
   FOR UPDATE
