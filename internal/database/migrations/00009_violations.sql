-- What may never be wrong, at any commit. Tests and whoever wonders ask for it;
-- the engine does not.
--
-- Of cap and budget it says what can be told from one moment. Admissions leave
-- room, but both may be lowered below what was admitted before. So a budget that
-- is exceeded is called wrong only where a pair that began to count after the last
-- declaration was admitted all the same, which takes room under it; a cap, only
-- where no revision ever allowed so many.
CREATE FUNCTION referral.violations() RETURNS TABLE (wrong text, what text)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
SELECT 'ledger sum is neither 0 nor its credit'::text AS wrong, l.user_id || '/' || l.purchase_id || '/' || l.reward AS what
  FROM (SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, sum(amount) AS sum
          FROM referral.ledger GROUP BY 1, 2, 3, 4, 5, 6) AS l
  LEFT JOIN referral.credit AS c USING (user_id, purchase_id, reward, campaign, beneficiary_id, currency)
 WHERE l.sum <> 0 AND l.sum IS DISTINCT FROM c.amount
UNION ALL
SELECT 'granted credit without its ledger sum', c.user_id || '/' || c.purchase_id || '/' || c.reward
  FROM referral.credit AS c JOIN referral.pair AS p USING (user_id, purchase_id)
 WHERE p.state = 'Granted'
   AND c.amount IS DISTINCT FROM (SELECT sum(amount) FROM referral.ledger AS l
                                   WHERE (l.user_id, l.purchase_id, l.reward, l.campaign, l.beneficiary_id, l.currency)
                                       = (c.user_id, c.purchase_id, c.reward, c.campaign, c.beneficiary_id, c.currency))
UNION ALL
SELECT 'credit of a pair that is neither held nor granted', c.user_id || '/' || c.purchase_id
  FROM referral.credit AS c LEFT JOIN referral.pair AS p USING (user_id, purchase_id)
 WHERE p.state IS NULL OR p.state NOT IN ('Held', 'Granted')
UNION ALL
SELECT 'account is off its sums', coalesce(a.beneficiary_id, s.beneficiary_id) || ' ' || coalesce(a.currency, s.currency)
  FROM referral.account AS a
  FULL JOIN (SELECT beneficiary_id, currency, sum(available) AS available, sum(held) AS held
               FROM (SELECT beneficiary_id, currency, amount AS available, 0 AS held FROM referral.ledger
                     UNION ALL
                     SELECT beneficiary_id, currency, amount, 0 FROM referral.adjustment
                     UNION ALL
                     SELECT beneficiary_id, currency, -amount, 0 FROM referral.redemption
                     UNION ALL
                     SELECT c.beneficiary_id, c.currency, 0, c.amount
                       FROM referral.credit AS c JOIN referral.pair AS p USING (user_id, purchase_id)
                      WHERE p.state = 'Held') AS x
              GROUP BY 1, 2) AS s USING (beneficiary_id, currency)
 WHERE coalesce(a.available, 0) <> coalesce(s.available, 0) OR coalesce(a.held, 0) <> coalesce(s.held, 0)
UNION ALL
SELECT 'pair counters are off', campaign
  FROM (SELECT campaign, sum(held) AS held, sum(granted) AS granted, sum(reversed) AS reversed, sum(waiting) AS waiting,
               sum(awaiting_purchase) AS awaiting FROM referral.pair_count GROUP BY 1) AS k
  FULL JOIN (SELECT campaign, count(*) FILTER (WHERE state = 'Held') AS held, count(*) FILTER (WHERE state = 'Granted') AS granted,
                    count(*) FILTER (WHERE state = 'Reversed') AS reversed, count(*) FILTER (WHERE state = 'Waiting') AS waiting
               FROM referral.pair GROUP BY 1) AS p USING (campaign)
  FULL JOIN (SELECT campaign, count(*) AS awaiting FROM referral.attribution AS a
              WHERE NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = a.user_id) GROUP BY 1) AS a USING (campaign)
 WHERE (coalesce(k.held, 0), coalesce(k.granted, 0), coalesce(k.reversed, 0), coalesce(k.waiting, 0), coalesce(k.awaiting, 0))
    <> (coalesce(p.held, 0), coalesce(p.granted, 0), coalesce(p.reversed, 0), coalesce(p.waiting, 0), coalesce(a.awaiting, 0))
UNION ALL
SELECT 'credit counters are off', campaign || ' ' || currency
  FROM (SELECT campaign, currency, sum(granted) AS granted, sum(held) AS held, sum(reversed) AS reversed
          FROM referral.credit_count GROUP BY 1, 2) AS k
  FULL JOIN (SELECT campaign, currency, sum(amount) AS granted, -sum(least(amount, 0)) AS reversed
               FROM referral.ledger GROUP BY 1, 2) AS l USING (campaign, currency)
  FULL JOIN (SELECT c.campaign, c.currency, sum(c.amount) AS held FROM referral.credit AS c
               JOIN referral.pair AS p USING (user_id, purchase_id) WHERE p.state = 'Held' GROUP BY 1, 2) AS h USING (campaign, currency)
 WHERE (coalesce(k.granted, 0), coalesce(k.held, 0), coalesce(k.reversed, 0))
    <> (coalesce(l.granted, 0), coalesce(h.held, 0), coalesce(l.reversed, 0))
UNION ALL
SELECT 'referrer counter is off', campaign || '/' || referrer_id
  FROM referral.referrer AS r
  FULL JOIN (SELECT campaign, referrer_id, count(*) AS pairs FROM referral.pair
              WHERE state IN ('Held', 'Granted') GROUP BY 1, 2) AS p USING (campaign, referrer_id)
 WHERE coalesce(r.pairs, 0) <> coalesce(p.pairs, 0)
UNION ALL
SELECT 'held pair that nobody will look at', user_id || '/' || purchase_id
  FROM referral.pair
 WHERE state = 'Held' AND due_at IS DISTINCT FROM matures_at
   AND user_id NOT IN (SELECT user_id FROM referral.parked UNION SELECT user_id FROM referral.set_aside UNION SELECT user_id FROM referral.withheld)
UNION ALL
SELECT 'budget exceeded', c.name
  FROM referral.campaign AS c
 WHERE c.budget_amount < (SELECT sum(granted + held) FROM referral.credit_count AS k
                           WHERE k.campaign = c.name AND k.currency = c.budget_currency)
   AND c.declared_at < (SELECT max(counted_at) FROM referral.pair AS p JOIN referral.credit AS e USING (user_id, purchase_id)
                         WHERE p.campaign = c.name AND p.state IN ('Held', 'Granted') AND e.currency = c.budget_currency)
UNION ALL
SELECT 'cap exceeded', r.campaign || '/' || r.referrer_id
  FROM referral.referrer AS r
 WHERE r.pairs > (SELECT max(coalesce((v.terms #>> '{limits,pairsPerReferrer}')::bigint, 9223372036854775807))
                    FROM referral.revision AS v WHERE v.campaign = r.campaign)
UNION ALL
SELECT 'stands in line without a reason', user_id || '/' || purchase_id
  FROM referral.pair
 WHERE needs IS NOT NULL AND NOT (state = 'Waiting' OR state IN ('Held', 'Granted') AND reason = 'BudgetExhausted')
UNION ALL
SELECT 'waits in no line', user_id || '/' || purchase_id
  FROM referral.pair
 WHERE needs IS NULL AND state = 'Waiting'
   AND user_id NOT IN (SELECT user_id FROM referral.parked UNION SELECT user_id FROM referral.set_aside UNION SELECT user_id FROM referral.withheld)
UNION ALL
SELECT 'incident counts other pairs than are withheld', coalesce(i.id, w.incident)
  FROM referral.incident AS i
  FULL JOIN (SELECT incident, count(*) AS pairs FROM referral.withheld GROUP BY 1) AS w ON w.incident = i.id
 WHERE i.withheld IS DISTINCT FROM w.pairs;
END;
COMMENT ON FUNCTION referral.violations() IS 'Rows only when something is wrong that may never be, at any commit.';
