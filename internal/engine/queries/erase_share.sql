-- Records the users that share a fingerprint with the user $1: at most $2 that are not recorded yet.
-- Each is recorded both ways, in the order in which all engines insert them.
-- Uses signup_pkey, signup_fingerprint, after use_bitmaps, and shared_fingerprint_pkey.
WITH sharing AS (
    SELECT s.user_id
      FROM referral.signup AS s
     WHERE s.fingerprints && (SELECT o.fingerprints FROM referral.signup AS o WHERE o.user_id = $1) AND s.fingerprints <> '{}' AND s.user_id <> $1
       AND NOT EXISTS (SELECT FROM referral.shared_fingerprint AS f WHERE f.user_id = $1 AND f.other_id = s.user_id)
     LIMIT $2
)
INSERT INTO referral.shared_fingerprint (user_id, other_id)
SELECT user_id, other_id
  FROM (SELECT $1::text COLLATE "C" AS user_id, user_id AS other_id FROM sharing
        UNION ALL
        SELECT user_id, $1 FROM sharing) AS both_ways
 ORDER BY user_id, other_id
    ON CONFLICT DO NOTHING;
