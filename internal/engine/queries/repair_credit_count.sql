-- Adds to one of the locked sums of each campaign and currency what all of them lack.
-- Reads ledger, credit and pair whole.
UPDATE referral.credit_count AS c
   SET granted = c.granted + d.granted, held = c.held + d.held, reversed = c.reversed + d.reversed
  FROM (SELECT n.name, n.currency, coalesce(l.granted, 0) - k.granted AS granted, coalesce(h.held, 0) - k.held AS held,
               coalesce(l.reversed, 0) - k.reversed AS reversed
          FROM unnest($1::text[], $2::text[]) AS n(name, currency)
          JOIN (SELECT campaign, currency, sum(granted) AS granted, sum(held) AS held, sum(reversed) AS reversed
                  FROM referral.credit_count GROUP BY campaign, currency) AS k ON k.campaign = n.name AND k.currency = n.currency
          LEFT JOIN (SELECT campaign, currency, sum(amount) AS granted, -sum(least(amount, 0)) AS reversed
                       FROM referral.ledger WHERE campaign = ANY ($1) GROUP BY campaign, currency) AS l
                 ON l.campaign = n.name AND l.currency = n.currency
          LEFT JOIN (SELECT c.campaign, c.currency, sum(c.amount) AS held
                       FROM referral.credit AS c JOIN referral.pair AS p ON p.user_id = c.user_id AND p.purchase_id = c.purchase_id
                      WHERE p.state = 'Held' AND c.campaign = ANY ($1) GROUP BY c.campaign, c.currency) AS h
                 ON h.campaign = n.name AND h.currency = n.currency) AS d
 WHERE c.campaign = d.name AND c.currency = d.currency AND c.shard = 0;
