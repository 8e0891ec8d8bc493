-- $1 granted pairs that were admitted longest ago. Rides on nothing: it reads
-- all, before measuring.
SELECT user_id
  FROM referral.pair
 WHERE state = 'Granted'
 ORDER BY admission_order
 LIMIT $1;
