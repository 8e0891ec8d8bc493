-- Sets the attribution model, enqueues all campaigns, and counts it as an edit of each. If the
-- model is the same already it changes nothing. The campaigns are locked.
-- Reads table campaign whole.
WITH changed AS (
    UPDATE referral.meta SET attribution = $1, epoch = epoch + 1 WHERE attribution <> $1 RETURNING epoch
), enqueued AS (
    INSERT INTO referral.change (shard, kind, key)
    SELECT referral.shard_of(name), 'Campaign', name FROM referral.campaign, changed
), edited AS (
    UPDATE referral.campaign SET edit = edit + 1 FROM changed RETURNING name
)
INSERT INTO referral.allocation_request (campaign)
SELECT name FROM edited WHERE EXISTS (SELECT FROM referral.waitlist WHERE campaign = edited.name)
