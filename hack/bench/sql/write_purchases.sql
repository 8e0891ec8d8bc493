-- Writes purchase number $3 of each of the referees $1 to $2, $3 days after the signup.
INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
SELECT 'u' || substr(md5('referee ' || n), 1, 15), 'o' || n || '-' || $3::int, 1000 + n % 9000, 'USD',
       date_trunc('day', now()) - interval '60 days' + n * interval '1 second' + $3::int * interval '1 day'
  FROM generate_series($1::int, $2::int) AS n;
