-- Lists every entry, oldest first. Reads the whole table, which has a few rows.
SELECT beneficiary_id, kind, amount, currency, round(amount / 100.0, 2) AS dollars,
       reason, user_id AS friend, purchase_id, reward, revision
  FROM referral.ledger
 ORDER BY entry_id;
