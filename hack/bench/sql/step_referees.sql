-- Chooses $2 referees of one shard in $3, in no order, for one batch. Uses no index: it reads all,
-- once, before measuring.
SELECT user_id
  FROM referral.signup
 WHERE referral.shard_of(user_id) % $3::int = $1::int
 ORDER BY md5('step ' || user_id)
 LIMIT $2;
