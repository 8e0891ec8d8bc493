-- Sets the attribution model, and has the signups that any campaign reaches
-- looked at again. Does nothing but return the epoch where it is set already.
WITH changed AS (
    UPDATE referral.meta SET attribution = $1, epoch = epoch + 1 WHERE attribution <> $1 RETURNING epoch
), noted AS (
    INSERT INTO referral.change (shard, kind, key)
    SELECT referral.shard_of(name), 'Campaign', name FROM referral.campaign, changed
)
SELECT max(epoch) FROM (SELECT epoch FROM changed UNION ALL SELECT epoch FROM referral.meta) AS either
