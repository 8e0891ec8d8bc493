-- Writes links of a campaign, each with its own referrer. Ids are pseudonyms, so they are in no
-- order.
INSERT INTO referral.link (code, campaign, referrer_id, label)
SELECT 'c' || n, $1::text, 'r' || substr(md5('referrer ' || n), 1, 15), 'invite-friends'
  FROM generate_series(1, $2::int) AS n;
