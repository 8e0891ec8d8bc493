-- Who came through whom. Reads the whole table, of a handful of rows.
SELECT user_id, referrer_id, campaign, code, source
  FROM referral.attribution
 ORDER BY user_id;
