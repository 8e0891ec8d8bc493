-- From the commit of a referee's purchase to the commit of its ledger entry, in seconds. Needs
-- track_commit_timestamp. Uses purchase_pkey and ledger_pkey.
SELECT extract(epoch FROM pg_xact_commit_timestamp(l.xmin) - pg_xact_commit_timestamp(p.xmin))::float8
  FROM referral.purchase AS p
  JOIN referral.ledger AS l ON l.user_id = p.user_id AND l.purchase_id = p.purchase_id
 WHERE p.user_id = $1;
