-- Finds referees after $1 whose withheld pairs may be reversed, in order, at most $2.
-- Uses withheld_pkey, and reads incident, a small table.
SELECT DISTINCT w.user_id
  FROM (SELECT DISTINCT campaign FROM referral.incident WHERE state = 'Permitted') AS c
 CROSS JOIN LATERAL (SELECT user_id
                       FROM referral.withheld AS w
                      WHERE w.campaign = c.campaign AND w.user_id > $1
                        AND EXISTS (SELECT FROM referral.incident AS i WHERE i.id = w.incident AND i.state = 'Permitted')
                      ORDER BY user_id
                      LIMIT $2) AS w
 ORDER BY w.user_id
 LIMIT $2;
