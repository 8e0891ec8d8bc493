-- Lists the attribution of every signup. Reads the whole table, which has a few rows.
SELECT user_id, referrer_id, campaign, code, source
  FROM referral.attribution
 ORDER BY user_id;
