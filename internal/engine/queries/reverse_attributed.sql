-- Enqueues the referees behind $2 that are attributed to campaign $1, up to $3 or, where that is
-- null, to the last: their signups may belong to another campaign now. Uses attribution_pkey.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(user_id), 'Referee', user_id
  FROM referral.attribution
 WHERE campaign = $1 AND user_id > $2 AND ($3::text IS NULL OR user_id <= $3);
