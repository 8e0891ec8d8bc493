-- Finds the end of a range of keys after ($1, $2) with at most $3 rows of each table: of one row,
-- the next key of all; no row: the rest has fewer.
-- Uses pair_pkey, waitlist_pkey, credit_pkey, ledger_pkey and attribution_pkey.
SELECT user_id, purchase_id
  FROM ((SELECT user_id, purchase_id FROM referral.pair
          WHERE (user_id, purchase_id) > ($1, $2) ORDER BY user_id, purchase_id OFFSET $3 - 1 LIMIT 1)
        UNION ALL
        (SELECT user_id, purchase_id FROM referral.waitlist
          WHERE (user_id, purchase_id) > ($1, $2) ORDER BY user_id, purchase_id OFFSET $3 - 1 LIMIT 1)
        UNION ALL
        (SELECT user_id, purchase_id FROM referral.credit
          WHERE (user_id, purchase_id) > ($1, $2) ORDER BY user_id, purchase_id OFFSET $3 - 1 LIMIT 1)
        UNION ALL
        (SELECT user_id, purchase_id FROM referral.ledger
          WHERE (user_id, purchase_id) > ($1, $2) ORDER BY user_id, purchase_id OFFSET $3 - 1 LIMIT 1)
        UNION ALL
        (SELECT user_id, '' FROM referral.attribution
          WHERE user_id > $1 ORDER BY user_id OFFSET $3 - 1 LIMIT 1)) AS ends
 ORDER BY user_id, purchase_id
 LIMIT 1;
