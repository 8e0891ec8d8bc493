-- Finds violations of the rules about one referee, from user_id @from to @last, in one snapshot that
-- reads each table once. @users narrows it to these referees; null: all.
--
-- The rules are those of referral.violations(), in the same words, but a deferral excuses a
-- postponed pair only while the pair's own campaign is suspended. Beside them no entries stand for
-- a held pair, each row is compared with its checksum, and the entries of a reward with their
-- numbers. An altered or missing entry cannot be put back: what a later entry of the same reward
-- corrected is no violation any more.
--
-- Uses the keys of attribution, pair, credit, ledger, waitlist and deferred, or reads them whole
-- where the range is a large part of them.
WITH attributions AS MATERIALIZED (
    SELECT user_id, campaign, referrer_id,
           checksum IS DISTINCT FROM referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id) AS altered
      FROM referral.attribution
     WHERE user_id >= @from AND user_id <= @last AND (@users::text[] IS NULL OR user_id = ANY (@users))
), pairs AS MATERIALIZED (
    SELECT user_id, purchase_id, campaign, referrer_id, revision, admission_order, matures_at, counted_at, state, reason, postponed, credits,
           checksum IS DISTINCT FROM referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                                               qualified_at, matures_at, counted_at, allowed, state, reason, credits) AS altered
      FROM referral.pair
     WHERE user_id >= @from AND user_id <= @last AND (@users::text[] IS NULL OR user_id = ANY (@users))
), credits AS MATERIALIZED (
    SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount,
           checksum IS DISTINCT FROM referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount) AS altered
      FROM referral.credit
     WHERE user_id >= @from AND user_id <= @last AND (@users::text[] IS NULL OR user_id = ANY (@users))
), entries AS MATERIALIZED (
    SELECT user_id, purchase_id, reward, seq, campaign, beneficiary_id, currency, amount,
           checksum IS DISTINCT FROM referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency,
                                                                kind, reason) AS altered
      FROM referral.ledger
     WHERE user_id >= @from AND user_id <= @last AND (@users::text[] IS NULL OR user_id = ANY (@users))
), sums AS MATERIALIZED (
    SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, sum(amount) AS amount
      FROM entries
     GROUP BY user_id, purchase_id, reward, campaign, beneficiary_id, currency
), waiting AS MATERIALIZED (
    SELECT user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, tier_starts, tier_needs, edit, passed_over,
           checksum IS DISTINCT FROM referral.checksum_of_waiting(user_id, purchase_id, campaign, referrer_id, admission_order, growing,
                                                                  least_need, tier_starts, tier_needs, edit) AS altered
      FROM referral.waitlist
     WHERE user_id >= @from AND user_id <= @last AND (@users::text[] IS NULL OR user_id = ANY (@users))
)
SELECT 'ledger sum is neither 0 nor its credit' AS rule, user_id, user_id || '/' || purchase_id || '/' || reward AS key,
       format('entries: %s %s, credit: %s', s.amount, currency, coalesce(c.amount, 0)) AS detail
  FROM sums AS s
  LEFT JOIN credits AS c USING (user_id, purchase_id, reward, campaign, beneficiary_id, currency)
 WHERE s.amount <> 0 AND s.amount IS DISTINCT FROM c.amount
UNION ALL
SELECT 'ledger sum of a held pair', user_id, user_id || '/' || purchase_id || '/' || s.reward, format('entries: %s %s', s.amount, s.currency)
  FROM sums AS s
  JOIN pairs AS p USING (user_id, purchase_id)
 WHERE p.state = 'Held' AND s.amount <> 0
UNION ALL
SELECT 'granted credit without its ledger sum', user_id, user_id || '/' || purchase_id || '/' || c.reward,
       format('credit: %s %s, entries: %s', c.amount, c.currency, coalesce(s.amount, 0))
  FROM credits AS c
  LEFT JOIN sums AS s USING (user_id, purchase_id, reward, campaign, beneficiary_id, currency)
  JOIN pairs AS p USING (user_id, purchase_id)
 WHERE p.state = 'Granted' AND c.amount IS DISTINCT FROM s.amount
UNION ALL
SELECT 'credit of a pair that is neither held nor granted', user_id, user_id || '/' || purchase_id, coalesce('the pair is ' || p.state, 'there is no pair')
  FROM credits
  LEFT JOIN pairs AS p USING (user_id, purchase_id)
 WHERE p.state IS NULL OR p.state NOT IN ('Held', 'Granted')
UNION ALL
SELECT 'credit of a stranger', user_id, user_id || '/' || purchase_id || '/' || reward, 'beneficiary: ' || beneficiary_id
  FROM credits
  JOIN pairs AS p USING (user_id, purchase_id)
 WHERE beneficiary_id NOT IN (user_id, referrer_id)
UNION ALL
SELECT 'admitted pair without the credits it should have', user_id, user_id || '/' || purchase_id,
       format('credits: %s, should be: %s', coalesce(c.credits, 0), p.credits)
  FROM pairs AS p
  LEFT JOIN (SELECT user_id, purchase_id, count(*) AS credits FROM credits GROUP BY user_id, purchase_id) AS c USING (user_id, purchase_id)
 WHERE p.state IN ('Held', 'Granted') AND p.credits >= 0 AND p.credits <> coalesce(c.credits, 0)
UNION ALL
SELECT 'pair without its attribution', user_id, user_id || '/' || purchase_id,
       format('pair: %s by %s, attribution: %s', p.campaign, p.referrer_id, coalesce(a.campaign || ' by ' || a.referrer_id, 'none'))
  FROM pairs AS p
  LEFT JOIN attributions AS a USING (user_id)
 WHERE p.state IN ('Held', 'Granted', 'Waiting') AND (a.campaign, a.referrer_id) IS DISTINCT FROM (p.campaign, p.referrer_id)
UNION ALL
SELECT 'two first purchases', user_id, user_id, 'purchases: ' || string_agg(purchase_id, ', ' ORDER BY purchase_id)
  FROM pairs AS p
  JOIN referral.revision AS r USING (campaign, revision)
 WHERE p.state IN ('Held', 'Granted') AND r.terms ->> 'purchases' = 'First' AND p.counted_at > r.recorded_at
   -- Both counted under it: its rollout moved no pair that counted under Every.
   AND NOT EXISTS (SELECT
                     FROM referral.rollout AS o JOIN referral.revision AS v USING (campaign)
                    WHERE (o.campaign, o.revision) = (p.campaign, p.revision) AND v.revision < p.revision
                      AND v.terms ->> 'purchases' = 'Every')
 GROUP BY user_id
HAVING count(*) > 1
UNION ALL
SELECT 'hold that is overdue for a month', user_id, user_id || '/' || purchase_id, format('matured at %s', to_char(matures_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
  FROM pairs
 WHERE state = 'Held' AND NOT postponed AND matures_at < now() - interval '30 days'
   AND NOT (SELECT suspended FROM referral.meta)
   AND NOT (SELECT EXISTS (SELECT FROM referral.change))
UNION ALL
SELECT 'held pair that is postponed for no reason', user_id, user_id || '/' || purchase_id, ''
  FROM pairs AS p
 WHERE state = 'Held' AND postponed
   AND NOT EXISTS (SELECT
                     FROM referral.deferred AS d
                     JOIN referral.campaign AS c ON c.name = d.campaign AND c.mode = 'Suspended'
                    WHERE d.campaign = p.campaign AND d.user_id = p.user_id)
   AND NOT EXISTS (SELECT FROM referral.set_aside AS s WHERE s.user_id = p.user_id)
   AND NOT EXISTS (SELECT FROM referral.withheld AS h WHERE h.user_id = p.user_id)
   AND NOT EXISTS (SELECT FROM referral.change AS c WHERE c.key = p.user_id AND c.kind = 'Referee')
UNION ALL
SELECT 'waits and is not on the waitlist, or not in its place', user_id, user_id || '/' || purchase_id,
       format('order: %s, on the waitlist: %s', p.admission_order, coalesce(w.admission_order::text, 'none'))
  FROM pairs AS p
  LEFT JOIN waiting AS w USING (user_id, purchase_id)
 WHERE p.state = 'Waiting'
   AND (w.campaign, w.referrer_id, w.admission_order, w.growing) IS DISTINCT FROM (p.campaign, p.referrer_id, p.admission_order, false)
UNION ALL
SELECT 'is on the waitlist and does not wait', user_id, user_id || '/' || purchase_id, coalesce('the pair is ' || p.state, 'there is no pair')
  FROM waiting AS w
  LEFT JOIN pairs AS p USING (user_id, purchase_id)
 WHERE p.state IS NULL OR p.state <> 'Waiting' AND (NOT w.growing OR p.state NOT IN ('Held', 'Granted') OR p.reason <> 'BudgetExhausted')
UNION ALL
SELECT 'is passed over for no reason', user_id, user_id || '/' || purchase_id, ''
  FROM waiting AS w
 WHERE passed_over
   AND NOT EXISTS (SELECT FROM referral.set_aside AS s WHERE s.user_id = w.user_id)
   AND NOT EXISTS (SELECT FROM referral.withheld AS h WHERE h.user_id = w.user_id)
UNION ALL
SELECT 'waits and would fit', w.user_id, w.user_id || '/' || w.purchase_id, format('campaign: %s', w.campaign)
  FROM waiting AS w
  JOIN referral.campaign AS c ON c.name = w.campaign
  LEFT JOIN referral.referrer AS r ON r.campaign = w.campaign AND r.referrer_id = w.referrer_id
  LEFT JOIN (SELECT campaign, currency, sum(granted + held) AS spent FROM referral.credit_count GROUP BY campaign, currency) AS budget
    ON budget.campaign = c.name AND budget.currency = c.budget_currency
 WHERE NOT w.passed_over
   AND (c.mode = 'Open' OR w.growing AND c.mode NOT IN ('Suspended', 'Reversing'))
   AND (w.edit < c.edit
        OR (w.growing OR c.pairs_per_referrer IS NULL OR coalesce(r.pairs, 0) < c.pairs_per_referrer)
           AND (c.budget_amount IS NULL
                -- A need of the largest bigint may stand for more, so it never fits.
                OR least(c.budget_amount - coalesce(budget.spent, 0), 9223372036854775806)
                   >= CASE WHEN w.tier_starts IS NULL THEN w.least_need
                           ELSE w.tier_needs[width_bucket(1 + coalesce(r.pairs, 0), w.tier_starts)] END))
   AND NOT EXISTS (SELECT FROM referral.allocation_request AS q WHERE q.campaign = c.name)
   AND NOT EXISTS (SELECT FROM referral.deferred AS d WHERE d.campaign = c.name)
   AND NOT (SELECT EXISTS (SELECT FROM referral.change))
UNION ALL
SELECT 'attribution was altered', user_id, user_id, 'it differs from its checksum' FROM attributions WHERE altered
UNION ALL
SELECT 'pair was altered', user_id, user_id || '/' || purchase_id, 'it differs from its checksum' FROM pairs WHERE altered
UNION ALL
SELECT 'credit was altered', user_id, user_id || '/' || purchase_id || '/' || reward, 'it differs from its checksum' FROM credits WHERE altered
UNION ALL
SELECT 'row of the waitlist was altered', user_id, user_id || '/' || purchase_id, 'it differs from its checksum' FROM waiting WHERE altered
UNION ALL
SELECT 'ledger entry was altered, or the engine did not write it', user_id, user_id || '/' || purchase_id || '/' || reward || '/' || seq,
       format('entry: %s %s of %s', amount, currency, beneficiary_id)
  FROM entries AS e
 WHERE altered
   AND coalesce((SELECT max(l.seq) FROM referral.ledger AS l
                  WHERE (l.user_id, l.purchase_id, l.reward) = (e.user_id, e.purchase_id, e.reward)), 0) = e.seq
UNION ALL
SELECT 'ledger entry is missing', user_id, user_id || '/' || purchase_id || '/' || reward || '/' || seq - 1, format('entry %s is there', seq)
  FROM entries AS e
 WHERE seq > 1
   AND (SELECT max(l.seq) FILTER (WHERE l.seq < e.seq) IS DISTINCT FROM e.seq - 1 AND max(l.seq) = e.seq FROM referral.ledger AS l
         WHERE (l.user_id, l.purchase_id, l.reward) = (e.user_id, e.purchase_id, e.reward));
