-- From the commit of a purchase to the commit of its ledger entry, in seconds, for the referees $1
-- to $2. Needs track_commit_timestamp.
-- Uses purchase_pkey and ledger_pkey.
SELECT extract(epoch FROM pg_xact_commit_timestamp(l.xmin) - pg_xact_commit_timestamp(p.xmin))::float8
  FROM generate_series($1::int, $2::int) AS n
  JOIN referral.purchase AS p ON p.user_id = 'u' || substr(md5('referee ' || n), 1, 15)
  JOIN referral.ledger AS l ON l.user_id = p.user_id AND l.purchase_id = p.purchase_id;
