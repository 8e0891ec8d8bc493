-- Has those who stand in a campaign's line looked at again. Until that is over
-- their reasons are not relied on.
WITH noted AS (
    INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Line', $1) RETURNING id
)
INSERT INTO referral.refiling (campaign, referrer_id, noted_up_to) SELECT $1, '', id FROM noted
