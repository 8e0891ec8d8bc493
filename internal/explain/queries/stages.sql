-- Counts the friends of a referrer ($1) by the furthest stage that a pair of theirs reached.
-- Uses attribution_referrer and pair_pkey.
SELECT coalesce(p.stage, 0), count(*)
  FROM referral.attribution AS a
  LEFT JOIN LATERAL (SELECT max(CASE state WHEN 'Granted' THEN 4 WHEN 'Held' THEN 3 WHEN 'Waiting' THEN 2 ELSE 1 END) AS stage
                       FROM referral.pair WHERE user_id = a.user_id) AS p ON true
 WHERE a.referrer_id = $1
 GROUP BY 1
