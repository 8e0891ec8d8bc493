-- Counts the attributed referees from user_id @from to @last, and reports whether their rows agree:
-- then verify_referees would find nothing. It reads each table once, without a join, table revision
-- whole, and compares sums of hashes, in memory that does not grow with the range.
--
-- A wrong row changes a sum by a multiple of a hash of its key, so sums are equal by accident about
-- as often as an altered row fits its checksum.
--
-- Each sum is taken twice, over different rows, and is equal if these agree:
--
--   owned      over attributions, each times its number of pairs, and over pairs: each pair has its
--              attribution, and each referee as many pairs as its attribution counts.
--   due        over the beneficiaries that the revisions of admitted pairs name, and over credits:
--              each admitted pair has all its credits, and no other pair has any.
--   high, low  over the credits of granted pairs and over ledger entries: the entries of each
--              reward add up to its credit, or to 0 if there is none.
--
-- doubtful: a row differs from its checksum, or needs what only verify_referees reads.
--
-- Credits of held pairs, gaps between entries, and referees with several pairs are read only in
-- ranges that have some.
-- Uses attribution_pkey, pair_pkey, credit_pkey, ledger_pkey and waitlist_pkey.
WITH attributions AS MATERIALIZED (
    SELECT count(*) AS referees, count(*) FILTER (WHERE pairs > 1) AS several,
           bool_or(pairs IS NULL OR pairs NOT BETWEEN 0 AND 127
                   OR checksum IS DISTINCT FROM referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source,
                                                                                 visitor_id, touch_id)) AS doubtful,
           coalesce(sum(CASE WHEN pairs BETWEEN 1 AND 127
                             THEN pairs * (hashtextextended(referrer_id, hashtextextended(campaign, hashtextextended(user_id, 0))) >> 8) END), 0) AS owned
      FROM referral.attribution
     WHERE user_id >= @from AND user_id <= @last
), rewards AS MATERIALIZED (
    SELECT r.campaign, r.revision, count(*) AS rewards, count(*) FILTER (WHERE reward ->> 'beneficiary' = 'Referrer') AS to_referrer
      FROM referral.revision AS r
     CROSS JOIN LATERAL jsonb_array_elements(r.terms -> 'rewards') AS reward
     GROUP BY r.campaign, r.revision
    HAVING count(*) <= 127
), pairs AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE state = 'Held') AS held,
           bool_or(state NOT IN ('Held', 'Granted', 'Reversed')
                   OR state = 'Held' AND (postponed OR matures_at < now() - interval '30 days')
                   OR state <> 'Reversed' AND credits IS DISTINCT FROM r.rewards
                   OR checksum IS DISTINCT FROM referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order,
                                                                          ordinal, qualified_at, matures_at, counted_at, allowed, state, reason,
                                                                          credits)) AS doubtful,
           coalesce(sum(hashtextextended(referrer_id, hashtextextended(campaign, hashtextextended(user_id, 0))) >> 8), 0) AS owned,
           coalesce(sum(CASE WHEN state <> 'Reversed' AND r.to_referrer > 0
                             THEN r.to_referrer
                                  * (hashtextextended(referrer_id, hashtextextended(purchase_id, hashtextextended(user_id, 1))) >> 8) END), 0)
           + coalesce(sum(CASE WHEN state <> 'Reversed' AND r.rewards > r.to_referrer
                               THEN (r.rewards - r.to_referrer)
                                    * (hashtextextended(user_id, hashtextextended(purchase_id, hashtextextended(user_id, 1))) >> 8) END), 0) AS due
      FROM referral.pair AS p
      LEFT JOIN rewards AS r USING (campaign, revision)
     WHERE user_id >= @from AND user_id <= @last
), credits AS MATERIALIZED (
    SELECT bool_or(doubtful) AS doubtful, coalesce(sum(due), 0) AS due,
           coalesce(sum(amount * (key >> 32)), 0) AS high, coalesce(sum(amount * (key & 2147483647)), 0) AS low
      FROM (SELECT amount NOT BETWEEN 1 AND 2147483647
                   OR checksum IS DISTINCT FROM referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount) AS doubtful,
                   hashtextextended(beneficiary_id, hashtextextended(purchase_id, hashtextextended(user_id, 1))) >> 8 AS due,
                   least(amount, 2147483647) AS amount,
                   hash_record_extended(ROW(user_id, purchase_id, reward, campaign, beneficiary_id, currency), 2) AS key
              FROM referral.credit
             WHERE user_id >= @from AND user_id <= @last
            OFFSET 0) AS c -- keeps the hash from being taken twice
), entries AS MATERIALIZED (
    SELECT bool_or(doubtful) AS doubtful, max(seq) AS seq,
           coalesce(sum(amount * (key >> 32)), 0) AS high, coalesce(sum(amount * (key & 2147483647)), 0) AS low
      FROM (SELECT amount NOT BETWEEN -2147483647 AND 2147483647 OR seq < 1
                   OR checksum IS DISTINCT FROM referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount,
                                                                           currency, kind, reason) AS doubtful,
                   seq, greatest(least(amount, 2147483647), -2147483647) AS amount,
                   hash_record_extended(ROW(user_id, purchase_id, reward, campaign, beneficiary_id, currency), 2) AS key
              FROM referral.ledger
             WHERE user_id >= @from AND user_id <= @last
            OFFSET 0) AS e
)
SELECT a.referees,
       NOT (coalesce(a.doubtful, false) OR coalesce(p.doubtful, false) OR coalesce(c.doubtful, false) OR coalesce(e.doubtful, false))
       AND a.owned = p.owned
       AND c.due = p.due
       AND CASE WHEN p.held > 0
                THEN (c.high, c.low) = (SELECT e.high + coalesce(sum(amount * (key >> 32)), 0), e.low + coalesce(sum(amount * (key & 2147483647)), 0)
                                          FROM (SELECT c.amount, hash_record_extended(ROW(c.user_id, c.purchase_id, c.reward, c.campaign,
                                                                                          c.beneficiary_id, c.currency), 2) AS key
                                                  FROM referral.credit AS c
                                                  JOIN referral.pair AS p USING (user_id, purchase_id)
                                                 WHERE c.user_id >= @from AND c.user_id <= @last AND p.user_id >= @from AND p.user_id <= @last
                                                   AND p.state = 'Held' AND c.amount BETWEEN 1 AND 2147483647
                                                OFFSET 0) AS held)
                ELSE (c.high, c.low) = (e.high, e.low) END
       AND CASE WHEN e.seq > 1
                THEN NOT EXISTS (SELECT
                                   FROM referral.ledger AS l
                                   LEFT JOIN referral.ledger AS before
                                          ON before.user_id = l.user_id AND before.purchase_id = l.purchase_id AND before.reward = l.reward
                                             AND before.seq = l.seq - 1 AND before.user_id >= @from AND before.user_id <= @last
                                  WHERE l.user_id >= @from AND l.user_id <= @last AND l.seq > 1 AND before.seq IS NULL)
                ELSE true END
       AND CASE WHEN a.several > 0
                THEN NOT EXISTS (SELECT
                                   FROM referral.pair AS p
                                   JOIN referral.revision AS r USING (campaign, revision)
                                  WHERE user_id >= @from AND user_id <= @last
                                    AND p.state IN ('Held', 'Granted') AND r.terms ->> 'purchases' = 'First' AND p.counted_at > r.recorded_at
                                  GROUP BY user_id
                                 HAVING count(*) > 1)
                ELSE true END
       AND NOT EXISTS (SELECT FROM referral.waitlist WHERE user_id >= @from AND user_id <= @last)
  FROM attributions AS a, pairs AS p, credits AS c, entries AS e;
