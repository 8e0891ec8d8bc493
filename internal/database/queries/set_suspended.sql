-- Suspends batches or lets them go on. Does nothing but return the epoch where
-- that is so already.
WITH changed AS (
    UPDATE referral.meta SET suspended = $1, epoch = epoch + 1 WHERE suspended <> $1 RETURNING epoch
)
SELECT max(epoch) FROM (SELECT epoch FROM changed UNION ALL SELECT epoch FROM referral.meta) AS either
