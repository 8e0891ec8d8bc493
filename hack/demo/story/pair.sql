-- What was decided, and why. Reads the whole table, of a handful of rows.
SELECT user_id, purchase_id, referrer_id, state, reason, revision
  FROM referral.pair
 ORDER BY user_id, purchase_id;
