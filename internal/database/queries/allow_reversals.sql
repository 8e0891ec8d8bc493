-- Permits what is withheld of campaign $1, if that is because of incident $2,
-- and has it decided again. Once permitted it is not noted a second time.
-- Rides on loss_pkey.
WITH permitted AS (
    UPDATE referral.loss SET allowed = true
     WHERE campaign = $1 AND incident = $2 AND NOT allowed
    RETURNING campaign
)
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(campaign), 'Withheld', campaign FROM permitted
