-- Enqueues erasures whose postponed step is due, or all postponed ones if $1, at most 1000. A step
-- that waits for a campaign which is still suspended is postponed again by $2 microseconds, unless
-- its user is not attributed to that campaign any more.
-- Uses erasing_retry, campaign_pkey and attribution_pkey.
WITH due AS MATERIALIZED (
    SELECT e.user_id,
           EXISTS (SELECT
                     FROM referral.campaign AS c
                     JOIN referral.attribution AS a ON a.campaign = c.name AND a.user_id = e.user_id
                    WHERE c.name = e.campaign COLLATE "default" AND c.mode = 'Suspended') AS waits
      FROM referral.erasing AS e
     WHERE e.retry_at IS NOT NULL AND (e.retry_at <= now() OR $1)
     LIMIT 1000
       FOR UPDATE SKIP LOCKED
), put_off AS (
    UPDATE referral.erasing AS e
       SET retry_at = CASE WHEN due.waits THEN now() + $2 * interval '1 microsecond' END
      FROM due
     WHERE e.user_id = due.user_id
)
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Erasure', user_id FROM due WHERE NOT waits;
