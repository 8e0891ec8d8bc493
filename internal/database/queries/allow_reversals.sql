-- Permits the reversals that incident $2 of campaign $1 withholds, and enqueues their referees.
-- Only a reported incident can be permitted, and only once. Uses incident_pkey.
WITH permitted AS (
    UPDATE referral.incident SET state = 'Permitted'
     WHERE id = $2 AND campaign = $1 AND cause = 'MassReversal' AND state = 'Reported'
    RETURNING campaign
)
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(campaign), 'Withheld', campaign FROM permitted
