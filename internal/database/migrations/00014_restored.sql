-- A dump may be restored on a server whose transaction ids are lower. The ids that it brings are in
-- the future there; every change that the new server enqueues has a lower one.

-- Reports whether changes are pending that were enqueued up to transaction $1. While $1 is in the
-- future, these are only those that came with the dump.
-- Uses change_pkey with one probe per shard.
CREATE FUNCTION referral.pending_up_to(xid8) RETURNS boolean
    LANGUAGE sql STABLE
    BEGIN ATOMIC
SELECT EXISTS (SELECT
                 FROM referral.shard AS s
                CROSS JOIN LATERAL (SELECT
                                      FROM referral.change AS c
                                     WHERE c.shard = s.shard AND c.xid <= $1
                                       AND c.xid >= CASE WHEN $1 >= pg_snapshot_xmax(pg_current_snapshot())
                                                         THEN pg_snapshot_xmax(pg_current_snapshot()) ELSE '0'::xid8 END
                                     LIMIT 1) AS pending);
END;
COMMENT ON FUNCTION referral.pending_up_to(xid8) IS 'Reports whether changes are pending that were enqueued up to a transaction.';

-- Uses rollout_pkey, revision_pkey and change_key; see pending_up_to.
CREATE OR REPLACE FUNCTION referral.rolling_out(text) RETURNS boolean
    LANGUAGE sql STABLE
    BEGIN ATOMIC
SELECT EXISTS (SELECT
                 FROM referral.rollout AS o
                WHERE o.campaign = $1
                  AND (o.reached_all OR o.revision = (SELECT max(r.revision) FROM referral.revision AS r WHERE r.campaign = $1))
                  AND (NOT o.reached_all
                       OR EXISTS (SELECT FROM referral.change AS c WHERE c.kind = 'Campaign' AND c.key = $1)
                       OR referral.pending_up_to(o.enqueued_up_to)));
END;

-- A decision about a referee also rests on whether it shares a fingerprint with its referrer. An
-- erasure of either blanks fingerprints and does not change this, so the next resync has nothing to
-- decide again.
COMMENT ON COLUMN referral.attribution.facts IS 'Exclusive or of the hashes of the referee''s signup, purchases, refunds and overrides as they were decided, and of 1 if the referee shared a fingerprint with the referrer; null: not known.';

-- While a campaign admits no pair, an edit leaves the waiting pairs under their old edit. Its growing
-- ones are found without them.
DROP INDEX referral.waitlist_edit;
CREATE INDEX waitlist_edit ON referral.waitlist (campaign, growing, edit, admission_order) WHERE NOT passed_over;

-- A reversal frees budget step by step, and nothing is given of it: a growing pair that would fit
-- meanwhile is no violation.
CREATE OR REPLACE FUNCTION referral.violations() RETURNS TABLE (wrong text, what text)
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
SELECT 'engine''s row of an account is off its sums', beneficiary_id || ' ' || currency
  FROM referral.engine_account AS a
  FULL JOIN (SELECT beneficiary_id, currency, sum(amount) AS earned
               FROM referral.ledger GROUP BY 1, 2) AS l USING (beneficiary_id, currency)
  FULL JOIN (SELECT c.beneficiary_id, c.currency, sum(c.amount) AS held
               FROM referral.credit AS c JOIN referral.pair AS p USING (user_id, purchase_id)
              WHERE p.state = 'Held' GROUP BY 1, 2) AS h USING (beneficiary_id, currency)
 WHERE (coalesce(a.earned, 0), coalesce(a.held, 0)) <> (coalesce(l.earned, 0), coalesce(h.held, 0))
UNION ALL
SELECT 'writers'' row of an account is off its sums', beneficiary_id || ' ' || currency
  FROM referral.writer_account AS a
  FULL JOIN (SELECT beneficiary_id, currency, sum(amount) AS adjusted
               FROM referral.adjustment GROUP BY 1, 2) AS j USING (beneficiary_id, currency)
  FULL JOIN (SELECT beneficiary_id, currency, sum(amount) AS redeemed
               FROM referral.redemption GROUP BY 1, 2) AS r USING (beneficiary_id, currency)
 WHERE (coalesce(a.adjusted, 0), coalesce(a.redeemed, 0)) <> (coalesce(j.adjusted, 0), coalesce(r.redeemed, 0))
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
SELECT 'credit of a stranger', user_id || '/' || purchase_id || '/' || reward
  FROM referral.credit JOIN referral.pair USING (user_id, purchase_id)
 WHERE beneficiary_id NOT IN (user_id, referrer_id)
UNION ALL
SELECT 'admitted pair without the credits it should have', p.user_id || '/' || p.purchase_id
  FROM referral.pair AS p
 WHERE p.state IN ('Held', 'Granted') AND p.credits >= 0
   AND p.credits <> (SELECT count(*) FROM referral.credit AS c WHERE c.user_id = p.user_id AND c.purchase_id = p.purchase_id)
UNION ALL
SELECT 'pair without its attribution', p.user_id || '/' || p.purchase_id
  FROM referral.pair AS p
  LEFT JOIN referral.attribution AS a ON a.user_id = p.user_id
 WHERE p.state IN ('Held', 'Granted', 'Waiting') AND (a.campaign, a.referrer_id) IS DISTINCT FROM (p.campaign, p.referrer_id)
UNION ALL
SELECT 'two first purchases', user_id
  FROM referral.pair AS p JOIN referral.revision AS r USING (campaign, revision)
 WHERE p.state IN ('Held', 'Granted') AND r.terms ->> 'purchases' = 'First' AND p.counted_at > r.recorded_at
   -- Both counted under it: its rollout moved no pair that counted under Every.
   AND NOT EXISTS (SELECT
                     FROM referral.rollout AS o JOIN referral.revision AS v USING (campaign)
                    WHERE (o.campaign, o.revision) = (p.campaign, p.revision) AND v.revision < p.revision
                      AND v.terms ->> 'purchases' = 'Every')
 GROUP BY user_id
HAVING count(*) > 1
UNION ALL
SELECT 'hold that is overdue for a month', p.user_id || '/' || p.purchase_id
  FROM referral.pair AS p
 WHERE p.state = 'Held' AND NOT p.postponed AND p.matures_at < now() - interval '30 days'
   AND NOT (SELECT suspended FROM referral.meta)
   AND NOT EXISTS (SELECT FROM referral.change)
UNION ALL
SELECT 'held pair that is postponed for no reason', user_id || '/' || purchase_id
  FROM referral.pair
 WHERE state = 'Held' AND postponed
   AND user_id NOT IN (SELECT user_id FROM referral.deferred UNION SELECT user_id FROM referral.set_aside UNION SELECT user_id FROM referral.withheld
                       UNION SELECT key FROM referral.change WHERE kind = 'Referee')
UNION ALL
-- A budget may be lowered below what was admitted before; the sum above it then only decreases.
SELECT 'budget exceeded', c.name
  FROM referral.campaign AS c
 WHERE greatest(c.budget_amount, c.spent_before) < (SELECT sum(granted + held) FROM referral.credit_count AS k
                                                     WHERE k.campaign = c.name AND k.currency = c.budget_currency)
UNION ALL
-- A cap may be lowered below what was admitted before, so the highest cap so far counts.
SELECT 'cap exceeded', r.campaign || '/' || r.referrer_id
  FROM referral.referrer AS r JOIN referral.campaign AS c ON c.name = r.campaign
 WHERE r.pairs > c.highest_cap
UNION ALL
SELECT 'waits and is not on the waitlist, or not in its place', p.user_id || '/' || p.purchase_id
  FROM referral.pair AS p
  LEFT JOIN referral.waitlist AS w USING (user_id, purchase_id)
 WHERE p.state = 'Waiting'
   AND (w.campaign, w.referrer_id, w.admission_order, w.growing) IS DISTINCT FROM (p.campaign, p.referrer_id, p.admission_order, false)
UNION ALL
SELECT 'is on the waitlist and does not wait', w.user_id || '/' || w.purchase_id
  FROM referral.waitlist AS w
  LEFT JOIN referral.pair AS p USING (user_id, purchase_id)
 WHERE p.state IS NULL OR p.state <> 'Waiting' AND (NOT w.growing OR p.state NOT IN ('Held', 'Granted') OR p.reason <> 'BudgetExhausted')
UNION ALL
SELECT 'is passed over for no reason', user_id || '/' || purchase_id
  FROM referral.waitlist
 WHERE passed_over
   AND user_id NOT IN (SELECT user_id FROM referral.set_aside UNION SELECT user_id FROM referral.withheld)
UNION ALL
SELECT 'what waits of a referrer is off', campaign || '/' || referrer_id
  FROM referral.waitlist_referrer AS r
  FULL JOIN (SELECT campaign, referrer_id, min(least_need) AS least_need FROM referral.waitlist
              WHERE NOT growing AND NOT passed_over GROUP BY campaign, referrer_id) AS w USING (campaign, referrer_id)
  LEFT JOIN referral.referrer AS c USING (campaign, referrer_id)
 WHERE (r.least_need, r.admitted) IS DISTINCT FROM (w.least_need, coalesce(c.pairs, 0))
UNION ALL
SELECT 'waits and would fit', w.user_id || '/' || w.purchase_id
  FROM referral.waitlist AS w
  JOIN referral.campaign AS c ON c.name = w.campaign
  LEFT JOIN referral.referrer AS r ON r.campaign = w.campaign AND r.referrer_id = w.referrer_id
 CROSS JOIN LATERAL (SELECT coalesce(sum(granted + held), 0) AS spent FROM referral.credit_count AS k
                      WHERE k.campaign = c.name AND k.currency = c.budget_currency) AS budget
 WHERE NOT w.passed_over
   AND (c.mode = 'Open' OR w.growing AND c.mode NOT IN ('Suspended', 'Reversing'))
   AND (w.edit < c.edit
        OR (w.growing OR c.pairs_per_referrer IS NULL OR coalesce(r.pairs, 0) < c.pairs_per_referrer)
           AND (c.budget_amount IS NULL
                -- A need of the largest bigint may stand for more, so it never fits.
                OR least(c.budget_amount - budget.spent, 9223372036854775806) >= CASE WHEN w.tier_starts IS NULL THEN w.least_need
                                                          ELSE w.tier_needs[width_bucket(1 + coalesce(r.pairs, 0), w.tier_starts)] END))
   AND NOT EXISTS (SELECT FROM referral.allocation_request AS q WHERE q.campaign = c.name)
   AND NOT EXISTS (SELECT FROM referral.deferred AS d WHERE d.campaign = c.name)
   AND NOT EXISTS (SELECT FROM referral.change)
UNION ALL
SELECT 'incident counts other pairs than are withheld', coalesce(i.id, w.incident)
  FROM referral.incident AS i
  FULL JOIN (SELECT incident, count(*) AS pairs FROM referral.withheld GROUP BY 1) AS w ON w.incident = i.id
 WHERE i.withheld IS DISTINCT FROM w.pairs;
END;

-- A campaign may follow a policy, then another one, then the first again. A cache that lags behind
-- must not bring back an old generation of the first.
CREATE TABLE referral.followed_policy (
    campaign   text   NOT NULL,
    policy_uid text   NOT NULL,
    generation bigint NOT NULL,
    PRIMARY KEY (campaign, policy_uid)
);
COMMENT ON TABLE  referral.followed_policy IS 'Policies that a campaign followed before its present one.';
COMMENT ON COLUMN referral.followed_policy.campaign IS 'The campaign.';
COMMENT ON COLUMN referral.followed_policy.policy_uid IS 'UID of the policy.';
COMMENT ON COLUMN referral.followed_policy.generation IS 'The highest generation of it that was in force; a lower one is ignored.';

-- The time between the earliest and the latest time is not in the range of an interval's
-- microseconds: the difference of two times wraps on Postgres 15, and is an error later. So each time is
-- compared with 2000, the middle of the range.
CREATE OR REPLACE FUNCTION referral.may_attribute(
    link referral.link, campaign referral.campaign, touched_at timestamptz, referee text, signed_up_at timestamptz)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN touched_at <= signed_up_at
       AND ((link).expires_at IS NULL OR touched_at < (link).expires_at)
       AND ((link).disabled_at IS NULL OR touched_at < (link).disabled_at)
       AND (link).referrer_id <> referee
       AND (campaign).mode NOT IN ('Closed', 'Reversing')
       AND ((campaign).starts_at IS NULL OR signed_up_at >= (campaign).starts_at)
       AND ((campaign).ends_at IS NULL OR signed_up_at < (campaign).ends_at)
       AND signed_up_at - timestamptz '2000-01-01 00:00:00+00'
           <= (campaign).attribution_window * interval '1 microsecond' - (timestamptz '2000-01-01 00:00:00+00' - touched_at);
