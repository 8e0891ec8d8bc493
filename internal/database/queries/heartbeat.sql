-- Records a heartbeat of the owner, at most once a minute for all replicas together. Sets a heartbeat
-- in the future to now, whatever object owns the schema. Reads owner, a table of one row.
UPDATE referral.owner SET heartbeat_at = clock_timestamp()
 WHERE released_at IS NULL
   AND (heartbeat_at > clock_timestamp()
        OR installation = $1 AND name = $2 AND uid = $3 AND heartbeat_at < clock_timestamp() - interval '1 minute')
