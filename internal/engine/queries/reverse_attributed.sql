-- Enqueues the referees attributed to campaign $1 after $2, up to $3 or, if that is null, to the
-- last: their signups may now belong to another campaign.
-- Uses attribution_pkey.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Referee', user_id
  FROM referral.attribution
 WHERE campaign = $1 AND user_id > $2 AND ($3::text IS NULL OR user_id <= $3);
