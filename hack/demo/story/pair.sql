-- Lists the decision about every pair. Reads the whole table, which has a few rows.
SELECT user_id, purchase_id, referrer_id, state, reason, revision
  FROM referral.pair
 ORDER BY user_id, purchase_id;
