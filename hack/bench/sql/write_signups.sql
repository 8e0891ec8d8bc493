-- Writes the signups of referees $1 to $2, by typed code, spread over $3 links.
INSERT INTO referral.signup (user_id, code, signed_up_at)
SELECT 'u' || substr(md5('referee ' || n), 1, 15), 'c' || 1 + n % $3::int,
       date_trunc('day', now()) - interval '60 days' + n * interval '1 second'
  FROM generate_series($1::int, $2::int) AS n;
