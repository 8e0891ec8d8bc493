-- Lists the $1 granted pairs that were admitted first. Uses no index: it reads all, before
-- measuring.
SELECT user_id
  FROM referral.pair
 WHERE state = 'Granted'
 ORDER BY admission_order
 LIMIT $1;
