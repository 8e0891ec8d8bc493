-- Records that a replica ($1) is alive, forgets those of long ago, and returns how many others are
-- alive, and how many of these have a lower id.
-- Reads replica, a small table.
WITH recorded AS (
    INSERT INTO referral.replica (id, seen_at) VALUES ($1, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
), forgotten AS (
    DELETE FROM referral.replica WHERE id <> $1 AND seen_at < clock_timestamp() - interval '10 minutes'
)
SELECT count(*), count(*) FILTER (WHERE id < $1)
  FROM referral.replica
 WHERE id <> $1 AND seen_at > clock_timestamp() - $2 * interval '1 microsecond'
