-- Suspends or resumes. If nothing changes it only returns the epoch.
WITH changed AS (
    UPDATE referral.meta SET suspended = $1, epoch = epoch + 1 WHERE suspended <> $1 RETURNING epoch
)
SELECT max(epoch) FROM (SELECT epoch FROM changed UNION ALL SELECT epoch FROM referral.meta) AS either
