-- Finds referees after $1 up to $2 (null: the last) whose rows do not agree, in order, at most $3,
-- in one snapshot.
--
-- Rows that agree cancel out. Per referee:
-- facts: exclusive or of the hashes of its facts, of 1 if it shares a fingerprint with its
-- referrer, and of what was recorded when it was decided; 0 if they agree. pairs, credits: rows
-- there are, less rows there should be by the attribution and by the pairs. earned: exclusive or of
-- the hashes of the credits and of the ledger entries by key. An entry is hashed with its absolute
-- amount, so that a reversed grant leaves nothing either. amount: sum of the credits less sum of
-- the ledger entries.
--
-- Where earned and amount do not decide (several grants, held pairs beside granted ones) the
-- referee's sums are compared key by key. Each row of results is compared with its own checksum;
-- the link of the typed code, else the touch that decides, of a signup without a fixed attribution
-- is compared with the recorded hash.
--
-- This statement only finds referees to decide again. If one was found without need, nothing is
-- written.
-- Uses the keys of all tables, or reads tables whole where a range is a large part of them.
WITH not_fixed AS MATERIALIZED (
    SELECT a.user_id, a.via, s.visitor_id, s.signed_up_at,
           CASE WHEN l.code IS NOT NULL
                THEN referral.hash_of_link(l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at) END AS typed
      FROM referral.attribution AS a
      LEFT JOIN referral.signup AS s ON s.user_id = a.user_id
      LEFT JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
     WHERE a.user_id > $1 AND ($2::text IS NULL OR a.user_id <= $2) AND a.via IS NOT NULL
), unattributed AS MATERIALIZED (
    SELECT s.user_id, s.visitor_id, s.signed_up_at, l.campaign -- of the typed code's link
      FROM referral.signup AS s
      LEFT JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
     WHERE s.user_id > $1 AND ($2::text IS NULL OR s.user_id <= $2) AND (l.code IS NOT NULL OR s.visitor_id IS NOT NULL)
       AND NOT EXISTS (SELECT FROM referral.attribution AS a WHERE a.user_id = s.user_id)
), rolled_out AS MATERIALIZED (
    -- By campaign the newest revision that has reached all pairs.
    SELECT n.campaign, n.revision
      FROM referral.campaign AS c
     CROSS JOIN LATERAL (
           SELECT o.campaign, o.revision, o.enqueued_up_to
             FROM referral.rollout AS o
             JOIN referral.revision AS r ON r.campaign = o.campaign AND r.revision = o.revision AND r.scope = 'AllPairs'
            WHERE o.campaign = c.name AND o.reached_all
              AND NOT EXISTS (SELECT FROM referral.revision AS w WHERE w.campaign = o.campaign AND w.withdraws = o.revision)
            ORDER BY o.revision DESC LIMIT 1) AS n
     WHERE c.mode NOT IN ('Suspended', 'Reversing') AND NOT coalesce(referral.pending_up_to(n.enqueued_up_to), false)
), suspect AS (
    -- The link or the touch that decides a signup differs from what it was attributed by.
    SELECT u.user_id
      FROM not_fixed AS u
      LEFT JOIN LATERAL (SELECT referral.hash_of_touch(t.touch_id, t.touched_at, t.code, t.campaign, t.referrer_id, t.label, t.expires_at, t.disabled_at) AS via
                           FROM referral.deciding_touch(u.user_id, u.visitor_id, u.signed_up_at) AS t
                          WHERE u.typed IS NULL) AS v ON true
     WHERE u.via <> coalesce(u.typed, v.via, 0)
    UNION ALL
    -- A signup is attributed to nothing though a link or a touch may attribute it.
    SELECT u.user_id
      FROM unattributed AS u
      JOIN referral.campaign AS c ON c.name = u.campaign AND c.mode IN ('Open', 'PolicyMissing')
    UNION ALL
    SELECT u.user_id
      FROM unattributed AS u
     CROSS JOIN LATERAL referral.deciding_touch(u.user_id, u.visitor_id, u.signed_up_at) AS t
     WHERE u.campaign IS NULL
    UNION ALL
    -- A row of the waitlist was altered, or differs from its pair, or is passed over.
    SELECT w.user_id
      FROM referral.waitlist AS w
      LEFT JOIN referral.pair AS p ON p.user_id = w.user_id AND p.purchase_id = w.purchase_id
     WHERE w.user_id > $1 AND ($2::text IS NULL OR w.user_id <= $2)
       AND (p.user_id IS NULL OR p.state = 'Reversed' OR w.growing <> (p.state <> 'Waiting') OR w.passed_over
            OR (w.campaign, w.referrer_id, w.admission_order) <> (p.campaign, p.referrer_id, p.admission_order)
            OR w.checksum <> referral.checksum_of_waiting(w.user_id, w.purchase_id, w.campaign, w.referrer_id, w.admission_order, w.growing,
                                                          w.least_need, w.tier_starts, w.tier_needs, w.edit))
    UNION ALL
    -- A pair waits, to be admitted or to grow, and is not on the waitlist, or is postponed without
    -- a reason: its referee is not deferred under the pair's own campaign, or that is not suspended.
    SELECT p.user_id
      FROM referral.pair AS p
     WHERE p.user_id > $1 AND ($2::text IS NULL OR p.user_id <= $2)
       AND ((p.state = 'Waiting' OR p.state IN ('Held', 'Granted') AND p.reason = 'BudgetExhausted')
            AND NOT EXISTS (SELECT FROM referral.waitlist AS w WHERE w.user_id = p.user_id AND w.purchase_id = p.purchase_id)
            OR p.postponed AND NOT EXISTS (SELECT
                                             FROM referral.deferred AS d
                                             JOIN referral.campaign AS c ON c.name = d.campaign AND c.mode = 'Suspended'
                                            WHERE d.campaign = p.campaign AND d.user_id = p.user_id))
    UNION ALL
    -- A pair that was granted is missing.
    SELECT e.user_id
      FROM (SELECT l.*
              FROM referral.ledger AS l
             WHERE l.user_id > $1 AND ($2::text IS NULL OR l.user_id <= $2) AND l.amount > 0
               AND NOT EXISTS (SELECT FROM referral.pair AS p WHERE p.user_id = l.user_id AND p.purchase_id = l.purchase_id)
            OFFSET 0) AS e -- keeps the checksum from being taken of every entry
     WHERE e.checksum = referral.checksum_of_entry(e.user_id, e.purchase_id, e.reward, e.seq, e.campaign, e.revision, e.beneficiary_id, e.amount,
                                                   e.currency, e.kind, e.reason)
    UNION ALL
    -- A reversed pair without an attribution, and so without recorded hashes: its purchase or
    -- signup is missing and the reason is another one, or a link or a touch may give another
    -- reason.
    SELECT p.user_id
      FROM referral.pair AS p
     WHERE p.user_id > $1 AND ($2::text IS NULL OR p.user_id <= $2)
       AND p.state = 'Reversed' AND p.reason <> 'CampaignDeleted'
       AND NOT EXISTS (SELECT FROM referral.attribution AS a WHERE a.user_id = p.user_id)
       AND CASE WHEN EXISTS (SELECT
                               FROM referral.purchase AS b
                               JOIN referral.signup AS s ON s.user_id = b.user_id
                              WHERE b.user_id = p.user_id AND b.purchase_id = p.purchase_id)
                THEN p.reason <> 'NotAttributed' OR EXISTS (SELECT FROM unattributed AS u WHERE u.user_id = p.user_id)
                ELSE p.reason <> 'PurchaseRemoved' END
    UNION ALL
    -- A rollout did not move a pair that counts. A reversed pair is moved when it counts again.
    SELECT p.user_id
      FROM referral.pair AS p
      JOIN rolled_out AS r ON r.campaign = p.campaign AND p.revision < r.revision
     WHERE p.user_id > $1 AND ($2::text IS NULL OR p.user_id <= $2)
       AND p.state <> 'Reversed'
    UNION ALL
    SELECT user_id FROM referral.set_aside WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id FROM referral.withheld WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
), evidence AS (
    SELECT user_id, facts, 0::bigint AS earned, 0::bigint AS amount, -pairs AS pairs, 0 AS credits,
           NOT coalesce(checksum = referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id)
                        AND facts IS NOT NULL AND pairs IS NOT NULL, false) AS wrong,
           true AS result, true AS attributed, via IS NULL AS fixed, NULL::boolean AS admitted,
           NULL::boolean AS held, NULL::boolean AS granted, NULL::boolean AS waits, NULL::boolean AS entered
      FROM referral.attribution
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, referral.hash_of_signup(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked), 0, 0, 0, 0,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM referral.signup
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, referral.hash_of_purchase(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held), 0, 0, 0, 0,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM referral.purchase
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, referral.hash_of_refund(purchase_id, refund_id, amount), 0, 0, 0, 0,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM referral.refund
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, referral.hash_of_override(purchase_id, verdict), 0, 0, 0, 0,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM referral.override
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, 1, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM (SELECT a.user_id
              FROM referral.attribution AS a
              JOIN referral.signup AS s ON s.user_id = a.user_id AND s.fingerprints <> '{}'
              JOIN referral.signup AS r ON r.user_id = a.referrer_id AND r.fingerprints && s.fingerprints
             WHERE a.user_id > $1 AND ($2::text IS NULL OR a.user_id <= $2)
            UNION -- the same referee may have shared one before an erasure
            SELECT a.user_id
              FROM referral.attribution AS a
              JOIN referral.signup AS s ON s.user_id = a.user_id
              JOIN referral.shared_fingerprint AS f ON f.user_id = a.user_id AND f.other_id = a.referrer_id
             WHERE a.user_id > $1 AND ($2::text IS NULL OR a.user_id <= $2)) AS sharing
    UNION ALL
    SELECT user_id, 0, 0, 0, 1, -credits,
           NOT coalesce(checksum = referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                                     qualified_at, matures_at, counted_at, allowed, state, reason, credits), false),
           true, NULL, NULL, ordinal IS NOT NULL OR state IN ('Held', 'Granted'), state = 'Held', state = 'Granted', state = 'Waiting', NULL
      FROM referral.pair
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, 0, hash, amount, 0, 1, checksum IS DISTINCT FROM hash, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM (SELECT user_id, amount, checksum, referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount) AS hash
              FROM referral.credit
             WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
            OFFSET 0) AS c -- keeps the hash from being taken twice
    UNION ALL
    SELECT user_id, 0, referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, abs(amount)), -amount, 0, 0,
           NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, true
      FROM referral.ledger
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, 0, 0, 0, 0, 0, true, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM suspect
), summed AS (
    SELECT user_id, bit_xor(facts) AS facts, bit_xor(earned) AS earned, sum(amount) AS amount,
           sum(pairs) AS pairs, sum(credits) AS credits,
           bool_or(wrong) IS TRUE AS wrong, bool_or(attributed) IS TRUE AS attributed,
           bool_or(fixed) IS TRUE AND bool_or(admitted) IS NOT TRUE AS fixed_by_nothing,
           bool_or(held) IS TRUE AS held, bool_or(granted) IS TRUE AS granted, bool_or(waits) IS TRUE AS waits,
           bool_or(entered) IS TRUE AS entered
      FROM evidence
     GROUP BY user_id
    HAVING bool_or(result)
)
SELECT user_id
  FROM summed
 WHERE CASE WHEN wrong OR fixed_by_nothing THEN true
            WHEN attributed AND (facts <> 0 OR pairs <> 0 OR credits <> 0) THEN true
            WHEN NOT attributed AND (held OR granted OR waits OR credits <> 0) THEN true
            WHEN NOT held AND earned = 0 AND amount = 0 THEN false
            WHEN held AND NOT granted AND NOT entered THEN false
            ELSE EXISTS (SELECT
                           FROM (SELECT purchase_id, reward, campaign, beneficiary_id, currency, amount
                                   FROM referral.credit AS c
                                  WHERE c.user_id = summed.user_id
                                    AND EXISTS (SELECT FROM referral.pair AS p
                                                 WHERE p.user_id = c.user_id AND p.purchase_id = c.purchase_id AND p.state = 'Granted')
                                 UNION ALL
                                 SELECT purchase_id, reward, campaign, beneficiary_id, currency, -amount
                                   FROM referral.ledger AS l
                                  WHERE l.user_id = summed.user_id) AS entry
                          GROUP BY purchase_id, reward, campaign, beneficiary_id, currency
                         HAVING sum(amount) <> 0)
       END
 ORDER BY user_id
 LIMIT $3;
