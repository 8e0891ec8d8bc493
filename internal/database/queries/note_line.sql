-- Has those who stand in a campaign's line looked at again. Until that is over
-- their reasons are not relied on. Rides on refiling_pkey.
WITH filing AS (
    INSERT INTO referral.refiling (campaign) VALUES ($1)
        ON CONFLICT (campaign) DO UPDATE SET noted_up_to = NULL
)
INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of($1), 'Line', $1)
