-- Records a heartbeat of the owner, at most once a minute for all replicas together.
UPDATE referral.owner SET heartbeat_at = clock_timestamp()
 WHERE installation = $1 AND name = $2 AND uid = $3 AND released_at IS NULL
   AND heartbeat_at < clock_timestamp() - interval '1 minute'
