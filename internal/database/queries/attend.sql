-- Records that replica $1 is alive, and deletes replicas that were last alive ten minutes ago, or
-- further than $2 microseconds in the future: the clock was set back, and those that are alive come
-- back by themselves. Returns how many others were alive within $2 microseconds, and how many of
-- these have a lower id. Reads replica, a small table.
WITH recorded AS (
    INSERT INTO referral.replica (id, seen_at) VALUES ($1, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
), forgotten AS (
    DELETE FROM referral.replica
     WHERE id <> $1
       AND seen_at NOT BETWEEN clock_timestamp() - interval '10 minutes' AND clock_timestamp() + $2 * interval '1 microsecond'
)
SELECT count(*), count(*) FILTER (WHERE id < $1)
  FROM referral.replica
 WHERE id <> $1
   AND seen_at BETWEEN clock_timestamp() - $2 * interval '1 microsecond' AND clock_timestamp() + $2 * interval '1 microsecond'
