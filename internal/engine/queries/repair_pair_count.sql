-- Adds to one of the locked counters of each campaign what all of them lack.
-- Reads pair and attribution whole.
UPDATE referral.pair_count AS c
   SET waiting = c.waiting + d.waiting, held = c.held + d.held, granted = c.granted + d.granted, reversed = c.reversed + d.reversed,
       awaiting_purchase = c.awaiting_purchase + d.awaiting
  FROM (SELECT n.name, coalesce(p.waiting, 0) - k.waiting AS waiting, coalesce(p.held, 0) - k.held AS held,
               coalesce(p.granted, 0) - k.granted AS granted, coalesce(p.reversed, 0) - k.reversed AS reversed,
               coalesce(a.awaiting, 0) - k.awaiting AS awaiting
          FROM unnest($1::text[]) AS n(name)
          JOIN (SELECT campaign, sum(waiting) AS waiting, sum(held) AS held, sum(granted) AS granted, sum(reversed) AS reversed,
                       sum(awaiting_purchase) AS awaiting FROM referral.pair_count GROUP BY campaign) AS k ON k.campaign = n.name
          LEFT JOIN (SELECT campaign, count(*) FILTER (WHERE state = 'Waiting') AS waiting, count(*) FILTER (WHERE state = 'Held') AS held,
                            count(*) FILTER (WHERE state = 'Granted') AS granted, count(*) FILTER (WHERE state = 'Reversed') AS reversed
                       FROM referral.pair WHERE campaign = ANY ($1) GROUP BY campaign) AS p ON p.campaign = n.name
          LEFT JOIN (SELECT campaign, count(*) AS awaiting FROM referral.attribution AS a
                      WHERE campaign = ANY ($1) AND NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = a.user_id)
                      GROUP BY campaign) AS a ON a.campaign = n.name) AS d
 WHERE c.campaign = d.name AND c.shard = 0;
