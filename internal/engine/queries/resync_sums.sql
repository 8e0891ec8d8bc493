-- Finds counters and accounts that differ from their sums, all in one snapshot, and what each
-- lacks. They are written in the transactions that write what they count, so what each lacks stays
-- the same whatever batches write from then on.
--
-- That holds where the rows of pairs are right. A pair whose row is missing or altered keeps its
-- capacity until it is restored, and restoring it changes no counter. So the counters of a campaign
-- are left to the next comparison if the campaign was suspended during this one, or if one of its
-- pairs is missing or altered: a resync restores no pair of a referee that a pending change
-- reaches or that is set aside, nor one that was lost after its range was compared. An account is
-- left out while the pair of one of its credits is missing.
--
-- An account lacks held and earned credit, the latter in column granted, and a referrer lacks
-- admitted pairs, in column granted too. An account that is no number lacks all that it should
-- have. Accounts of writers and rows of the waitlist are worked out again instead.
--
-- Reads results whole, since entries are not ordered by beneficiary. Looks for missing and altered
-- pairs only if a counter differs.
WITH entered AS MATERIALIZED (
    SELECT campaign, beneficiary_id, currency, sum(amount) AS amount, -sum(least(amount, 0)) AS reversed
      FROM referral.ledger
     GROUP BY campaign, beneficiary_id, currency
), held AS MATERIALIZED (
    SELECT c.campaign, c.beneficiary_id, c.currency, sum(c.amount) AS amount
      FROM referral.credit AS c
      JOIN referral.pair AS p ON p.user_id = c.user_id AND p.purchase_id = c.purchase_id
     WHERE p.state = 'Held'
     GROUP BY c.campaign, c.beneficiary_id, c.currency
), pairs AS MATERIALIZED (
    SELECT campaign, referrer_id, state, count(*) AS pairs
      FROM referral.pair
     GROUP BY campaign, referrer_id, state
), earned AS MATERIALIZED (
    SELECT min(campaign) AS campaign, beneficiary_id, currency, sum(earned) AS earned, sum(held) AS held
      FROM (SELECT campaign, beneficiary_id, currency, amount AS earned, 0 AS held FROM entered
            UNION ALL
            SELECT campaign, beneficiary_id, currency, 0, amount FROM held) AS part
     GROUP BY beneficiary_id, currency
), spent AS (
    SELECT beneficiary_id, currency, sum(adjusted) AS adjusted, sum(redeemed) AS redeemed
      FROM (SELECT beneficiary_id, currency, amount AS adjusted, 0 AS redeemed FROM referral.adjustment
            UNION ALL
            SELECT beneficiary_id, currency, 0, amount FROM referral.redemption) AS part
     GROUP BY beneficiary_id, currency
), off AS MATERIALIZED (
    SELECT 'EngineAccount' AS what, coalesce(e.campaign, '') AS campaign, beneficiary_id AS key, currency, '0' AS awaiting, '0' AS waiting,
           (coalesce(e.held, 0) - coalesce(nullif(a.held, 'NaN'), 0))::text AS held,
           (coalesce(e.earned, 0) - coalesce(nullif(a.earned, 'NaN'), 0))::text AS granted, '0' AS reversed
      FROM referral.engine_account AS a
      FULL JOIN earned AS e USING (beneficiary_id, currency)
     WHERE coalesce(a.earned, 0) <> coalesce(e.earned, 0) OR coalesce(a.held, 0) <> coalesce(e.held, 0)
    UNION ALL
    SELECT 'WriterAccount', coalesce(e.campaign, ''), beneficiary_id, currency, '0', '0', '0', '0', '0'
      FROM referral.writer_account AS a
      FULL JOIN spent AS s USING (beneficiary_id, currency)
      LEFT JOIN earned AS e USING (beneficiary_id, currency)
     WHERE coalesce(a.adjusted, 0) <> coalesce(s.adjusted, 0) OR coalesce(a.redeemed, 0) <> coalesce(s.redeemed, 0)
    UNION ALL
    SELECT 'Credits', campaign, '', currency, '0', '0', (coalesce(h.held, 0) - coalesce(k.held, 0))::text,
           (coalesce(l.granted, 0) - coalesce(k.granted, 0))::text, (coalesce(l.reversed, 0) - coalesce(k.reversed, 0))::text
      FROM (SELECT campaign, currency, sum(granted) AS granted, sum(held) AS held, sum(reversed) AS reversed
              FROM referral.credit_count GROUP BY campaign, currency) AS k
      FULL JOIN (SELECT campaign, currency, sum(amount) AS granted, sum(reversed) AS reversed FROM entered GROUP BY campaign, currency) AS l
          USING (campaign, currency)
      FULL JOIN (SELECT campaign, currency, sum(amount) AS held FROM held GROUP BY campaign, currency) AS h USING (campaign, currency)
     WHERE coalesce(k.granted, 0) <> coalesce(l.granted, 0) OR coalesce(k.held, 0) <> coalesce(h.held, 0)
        OR coalesce(k.reversed, 0) <> coalesce(l.reversed, 0)
    UNION ALL
    SELECT 'Referrer', campaign, referrer_id, '', '0', '0', '0', (coalesce(p.pairs, 0) - coalesce(r.pairs, 0))::text, '0'
      FROM referral.referrer AS r
      FULL JOIN (SELECT campaign, referrer_id, sum(pairs) AS pairs FROM pairs WHERE state IN ('Held', 'Granted')
                  GROUP BY campaign, referrer_id) AS p USING (campaign, referrer_id)
     WHERE coalesce(r.pairs, 0) <> coalesce(p.pairs, 0)
    UNION ALL
    SELECT 'Waitlist', campaign, referrer_id, '', '0', '0', '0', '0', '0'
      FROM referral.waitlist_referrer AS w
      FULL JOIN (SELECT l.campaign, l.referrer_id, min(l.least_need) AS least_need, coalesce(min(r.pairs), 0) AS admitted
                   FROM referral.waitlist AS l
                   LEFT JOIN referral.referrer AS r ON r.campaign = l.campaign AND r.referrer_id = l.referrer_id
                  WHERE NOT l.growing AND NOT l.passed_over
                  GROUP BY l.campaign, l.referrer_id) AS p USING (campaign, referrer_id)
     WHERE (w.admitted, w.least_need) IS DISTINCT FROM (p.admitted, p.least_need)
    UNION ALL
    SELECT 'Pairs', campaign, '', '', (coalesce(a.awaiting, 0) - coalesce(k.awaiting, 0))::text,
           (coalesce(p.waiting, 0) - coalesce(k.waiting, 0))::text, (coalesce(p.held, 0) - coalesce(k.held, 0))::text,
           (coalesce(p.granted, 0) - coalesce(k.granted, 0))::text, (coalesce(p.reversed, 0) - coalesce(k.reversed, 0))::text
      FROM (SELECT campaign, sum(waiting) AS waiting, sum(held) AS held, sum(granted) AS granted, sum(reversed) AS reversed,
                   sum(awaiting_purchase) AS awaiting FROM referral.pair_count GROUP BY campaign) AS k
      FULL JOIN (SELECT campaign, coalesce(sum(pairs) FILTER (WHERE state = 'Waiting'), 0) AS waiting,
                        coalesce(sum(pairs) FILTER (WHERE state = 'Held'), 0) AS held,
                        coalesce(sum(pairs) FILTER (WHERE state = 'Granted'), 0) AS granted,
                        coalesce(sum(pairs) FILTER (WHERE state = 'Reversed'), 0) AS reversed
                   FROM pairs GROUP BY campaign) AS p USING (campaign)
      FULL JOIN (SELECT campaign, count(*) AS awaiting FROM referral.attribution AS a WHERE coalesce(pairs, 0) = 0
                    AND NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = a.user_id)
                  GROUP BY campaign) AS a USING (campaign)
     WHERE coalesce(k.waiting, 0) <> coalesce(p.waiting, 0) OR coalesce(k.held, 0) <> coalesce(p.held, 0)
        OR coalesce(k.granted, 0) <> coalesce(p.granted, 0) OR coalesce(k.reversed, 0) <> coalesce(p.reversed, 0)
        OR coalesce(k.awaiting, 0) <> coalesce(a.awaiting, 0)
), altered AS MATERIALIZED (
    SELECT user_id, campaign
      FROM referral.pair
     WHERE checksum <> 0
       AND checksum IS DISTINCT FROM referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                                               qualified_at, matures_at, counted_at, allowed, state, reason, credits)
), without_pair AS MATERIALIZED (
    SELECT c.campaign, c.beneficiary_id, c.currency
      FROM referral.credit AS c
     WHERE NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = c.user_id AND p.purchase_id = c.purchase_id)
), left_out AS MATERIALIZED (
    -- Suspended during this comparison, or declared since it began.
    SELECT c.name AS campaign
      FROM referral.campaign AS c
      LEFT JOIN referral.resync_campaign AS r ON r.campaign = c.name
     WHERE r.answers IS NULL
    UNION
    SELECT campaign FROM altered
    UNION
    SELECT a.campaign FROM altered JOIN referral.attribution AS a USING (user_id) -- the pair's campaign may be what was altered
    UNION
    -- Credits, rows of the waitlist and what was granted show that a pair is missing.
    SELECT campaign FROM without_pair
    UNION
    SELECT w.campaign
      FROM referral.waitlist AS w
     WHERE NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = w.user_id AND p.purchase_id = w.purchase_id)
    UNION
    SELECT campaign
      FROM (SELECT l.campaign
              FROM referral.ledger AS l
             WHERE NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = l.user_id AND p.purchase_id = l.purchase_id)
             GROUP BY l.user_id, l.purchase_id, l.campaign
            HAVING sum(l.amount) > 0) AS granted
)
SELECT what, campaign, key, currency, awaiting, waiting, held, granted, reversed
  FROM off
 WHERE NOT EXISTS (SELECT FROM left_out AS l WHERE l.campaign = off.campaign AND off.what NOT IN ('EngineAccount', 'WriterAccount'))
   AND NOT EXISTS (SELECT FROM without_pair AS c WHERE c.beneficiary_id = off.key AND c.currency = off.currency AND off.what = 'EngineAccount');
