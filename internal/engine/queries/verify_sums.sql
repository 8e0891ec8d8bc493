-- Finds counters, accounts and limits that contradict the rows that they sum up, all in one
-- snapshot, and append-only tables that are not guarded. The rules are those of
-- referral.violations(), in the same words. Everything here is written in the transactions that
-- write what it sums up, so no moment excuses a difference.
-- Reads results, adjustments and redemptions whole, each once.
WITH entered AS MATERIALIZED (
    SELECT campaign, beneficiary_id, currency, sum(amount) AS amount, -sum(least(amount, 0)) AS reversed
      FROM referral.ledger
     GROUP BY campaign, beneficiary_id, currency
), held AS MATERIALIZED (
    SELECT c.campaign, c.beneficiary_id, c.currency, sum(c.amount) AS amount
      FROM referral.credit AS c
      JOIN referral.pair AS p USING (user_id, purchase_id)
     WHERE p.state = 'Held'
     GROUP BY c.campaign, c.beneficiary_id, c.currency
), pairs AS MATERIALIZED (
    SELECT campaign, referrer_id, state, count(*) AS pairs
      FROM referral.pair
     GROUP BY campaign, referrer_id, state
), earned AS (
    SELECT beneficiary_id, currency, sum(earned) AS earned, sum(held) AS held
      FROM (SELECT beneficiary_id, currency, amount AS earned, 0 AS held FROM entered
            UNION ALL
            SELECT beneficiary_id, currency, 0, amount FROM held) AS part
     GROUP BY beneficiary_id, currency
), spent AS (
    SELECT beneficiary_id, currency, sum(adjusted) AS adjusted, sum(redeemed) AS redeemed
      FROM (SELECT beneficiary_id, currency, amount AS adjusted, 0 AS redeemed FROM referral.adjustment
            UNION ALL
            SELECT beneficiary_id, currency, 0, amount FROM referral.redemption) AS part
     GROUP BY beneficiary_id, currency
), counted AS MATERIALIZED (
    SELECT campaign, currency, sum(granted) AS granted, sum(held) AS held, sum(reversed) AS reversed
      FROM referral.credit_count
     GROUP BY campaign, currency
)
SELECT 'engine''s row of an account is off its sums' AS rule, beneficiary_id || ' ' || currency AS key,
       format('account: %s earned, %s held; sums: %s, %s', coalesce(a.earned, 0), coalesce(a.held, 0), coalesce(e.earned, 0), coalesce(e.held, 0)) AS detail
  FROM referral.engine_account AS a
  FULL JOIN earned AS e USING (beneficiary_id, currency)
 WHERE (coalesce(a.earned, 0), coalesce(a.held, 0)) <> (coalesce(e.earned, 0), coalesce(e.held, 0))
UNION ALL
SELECT 'writers'' row of an account is off its sums', beneficiary_id || ' ' || currency,
       format('account: %s adjusted, %s redeemed; sums: %s, %s',
              coalesce(a.adjusted, 0), coalesce(a.redeemed, 0), coalesce(s.adjusted, 0), coalesce(s.redeemed, 0))
  FROM referral.writer_account AS a
  FULL JOIN spent AS s USING (beneficiary_id, currency)
 WHERE (coalesce(a.adjusted, 0), coalesce(a.redeemed, 0)) <> (coalesce(s.adjusted, 0), coalesce(s.redeemed, 0))
UNION ALL
SELECT 'pair counters are off', campaign,
       format('counters: %s held, %s granted, %s reversed, %s waiting, %s awaiting a purchase; rows: %s, %s, %s, %s, %s',
              coalesce(k.held, 0), coalesce(k.granted, 0), coalesce(k.reversed, 0), coalesce(k.waiting, 0), coalesce(k.awaiting, 0),
              coalesce(p.held, 0), coalesce(p.granted, 0), coalesce(p.reversed, 0), coalesce(p.waiting, 0), coalesce(a.awaiting, 0))
  FROM (SELECT campaign, sum(held) AS held, sum(granted) AS granted, sum(reversed) AS reversed, sum(waiting) AS waiting,
               sum(awaiting_purchase) AS awaiting FROM referral.pair_count GROUP BY campaign) AS k
  FULL JOIN (SELECT campaign, sum(pairs) FILTER (WHERE state = 'Held') AS held, sum(pairs) FILTER (WHERE state = 'Granted') AS granted,
                    sum(pairs) FILTER (WHERE state = 'Reversed') AS reversed, sum(pairs) FILTER (WHERE state = 'Waiting') AS waiting
               FROM pairs GROUP BY campaign) AS p USING (campaign)
  FULL JOIN (SELECT campaign, count(*) AS awaiting
               FROM (SELECT user_id FROM referral.attribution AS a
                      WHERE NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = a.user_id)
                     OFFSET 0) AS without -- found by the keys alone
               JOIN referral.attribution USING (user_id)
              GROUP BY campaign) AS a USING (campaign)
 WHERE (coalesce(k.held, 0), coalesce(k.granted, 0), coalesce(k.reversed, 0), coalesce(k.waiting, 0), coalesce(k.awaiting, 0))
    <> (coalesce(p.held, 0), coalesce(p.granted, 0), coalesce(p.reversed, 0), coalesce(p.waiting, 0), coalesce(a.awaiting, 0))
UNION ALL
SELECT 'credit counters are off', campaign || ' ' || currency,
       format('counters: %s granted, %s held, %s reversed; sums: %s, %s, %s', coalesce(k.granted, 0), coalesce(k.held, 0), coalesce(k.reversed, 0),
              coalesce(l.granted, 0), coalesce(h.held, 0), coalesce(l.reversed, 0))
  FROM counted AS k
  FULL JOIN (SELECT campaign, currency, sum(amount) AS granted, sum(reversed) AS reversed FROM entered GROUP BY campaign, currency) AS l
      USING (campaign, currency)
  FULL JOIN (SELECT campaign, currency, sum(amount) AS held FROM held GROUP BY campaign, currency) AS h USING (campaign, currency)
 WHERE (coalesce(k.granted, 0), coalesce(k.held, 0), coalesce(k.reversed, 0))
    <> (coalesce(l.granted, 0), coalesce(h.held, 0), coalesce(l.reversed, 0))
UNION ALL
SELECT 'referrer counter is off', campaign || '/' || referrer_id, format('counter: %s, pairs: %s', coalesce(r.pairs, 0), coalesce(p.pairs, 0))
  FROM referral.referrer AS r
  FULL JOIN (SELECT campaign, referrer_id, sum(pairs) AS pairs FROM pairs WHERE state IN ('Held', 'Granted')
              GROUP BY campaign, referrer_id) AS p USING (campaign, referrer_id)
 WHERE coalesce(r.pairs, 0) <> coalesce(p.pairs, 0)
UNION ALL
-- A budget may be lowered below what was admitted before; the sum above it then only decreases.
SELECT 'budget exceeded', c.name, format('budget: %s %s, granted and held: %s', c.budget_amount, c.budget_currency, k.granted + k.held)
  FROM referral.campaign AS c
  JOIN counted AS k ON k.campaign = c.name AND k.currency = c.budget_currency
 WHERE greatest(c.budget_amount, c.spent_before) < k.granted + k.held
UNION ALL
-- A cap may be lowered below what was admitted before, so the highest cap so far counts.
SELECT 'cap exceeded', r.campaign || '/' || r.referrer_id, format('highest cap: %s, pairs: %s', c.highest_cap, r.pairs)
  FROM referral.referrer AS r
  JOIN referral.campaign AS c ON c.name = r.campaign
 WHERE r.pairs > c.highest_cap
UNION ALL
SELECT 'what waits of a referrer is off', campaign || '/' || referrer_id,
       format('recorded: %s admitted, least need %s; rows: %s, %s', r.admitted, r.least_need, coalesce(c.pairs, 0), w.least_need)
  FROM referral.waitlist_referrer AS r
  FULL JOIN (SELECT campaign, referrer_id, min(least_need) AS least_need FROM referral.waitlist
              WHERE NOT growing AND NOT passed_over GROUP BY campaign, referrer_id) AS w USING (campaign, referrer_id)
  LEFT JOIN referral.referrer AS c USING (campaign, referrer_id)
 WHERE (r.least_need, r.admitted) IS DISTINCT FROM (w.least_need, coalesce(c.pairs, 0))
UNION ALL
SELECT 'incident counts other pairs than are withheld', coalesce(i.id, w.incident), format('counted: %s, withheld: %s', i.withheld, w.pairs)
  FROM referral.incident AS i
  FULL JOIN (SELECT incident, count(*) AS pairs FROM referral.withheld GROUP BY incident) AS w ON w.incident = i.id
 WHERE i.withheld IS DISTINCT FROM w.pairs
UNION ALL
SELECT 'append-only table without its guard', t.name, 'trigger ' || t.name || '_append_only is missing or disabled'
  FROM unnest('{ledger,adjustment,redemption,erasure}'::text[]) AS t(name)
 WHERE NOT EXISTS (SELECT
                     FROM pg_class AS meta
                     JOIN pg_class AS c ON c.relnamespace = meta.relnamespace AND c.relname = t.name
                     JOIN pg_trigger AS g ON g.tgrelid = c.oid
                    WHERE meta.oid = (SELECT tableoid FROM referral.meta)
                      AND g.tgname = t.name || '_append_only' AND g.tgenabled <> 'D');
