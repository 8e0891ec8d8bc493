-- Refunds purchase number $3 of each of the referees $1 to $2 in full.
INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount)
SELECT p.user_id, p.purchase_id, 'whole', p.amount
  FROM generate_series($1::int, $2::int) AS n
  JOIN referral.purchase AS p ON p.user_id = 'u' || substr(md5('referee ' || n), 1, 15) AND p.purchase_id = 'o' || n || '-' || $3::int;
