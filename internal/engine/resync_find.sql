-- Referees after $1 and up to $2 (null: to the end) of whom something does not
-- fit together, in order, at most $3: in one snapshot, each table read once.
--
-- What belongs together cancels out: facts against the digest that was recorded
-- when they were decided, pairs and credits against how many there were, and
-- ledger entries against credits, both by sum and by key. Entries enter by key
-- with their amounts' absolute value, so that a grant that was reversed leaves
-- nothing either; where that is not the whole story (several grants, held pairs
-- beside granted ones) the referee's sums are added up one by one. Each row of
-- results is held against its own seal.
--
-- This only finds whom to look at. Whoever is found without a reason is decided
-- and nothing is written.
-- Rides on the keys of all tables, or reads them whole where a range is much of them.
WITH told AS (
    SELECT user_id, facts, 0::bigint AS earned, -65536::bigint * pairs AS rows, 0::bigint AS amount,
           CASE WHEN seal = referral.seal_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source, visitor_id, touch_id)
                     AND facts IS NOT NULL AND pairs IS NOT NULL
                     AND (via IS NULL OR via = coalesce((SELECT coalesce(
                                   (SELECT referral.hash_of_link(l.code, l.campaign, l.referrer_id, l.label, l.expires_at, l.disabled_at)
                                      FROM referral.link AS l WHERE l.code = referral.normal_code(s.code)),
                                   (SELECT referral.hash_of_touch(t.touch_id, t.touched_at, t.code, t.campaign, t.referrer_id, t.label, t.expires_at, t.disabled_at)
                                      FROM referral.deciding_touch(s.user_id, s.visitor_id, s.signed_up_at) AS t))
                         FROM referral.signup AS s WHERE s.user_id = a.user_id), 0))
                THEN 8 ELSE 9 END AS flags
      FROM referral.attribution AS a
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, referral.hash_of_signup(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked), 0, 0, 0, 0
      FROM referral.signup
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, referral.hash_of_purchase(purchase_id, amount, currency, purchased_at, arrived_at, attributes, blanked, condition_held), 0, 0, 0, 0
      FROM referral.purchase
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, bit_xor(referral.hash_of_refund(purchase_id, refund_id, amount)), 0, 0, 0, 0
      FROM referral.refund
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
     GROUP BY user_id, purchase_id
    UNION ALL
    SELECT user_id, referral.hash_of_override(purchase_id, verdict), 0, 0, 0, 0
      FROM referral.override
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, 0, 0, 65536 - credits, 0,
           CASE WHEN seal = referral.seal_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                                  qualified_at, matures_at, counted_at, allowed, state, reason, credits)
                     AND NOT postponed
                THEN CASE state WHEN 'Held' THEN 18 WHEN 'Granted' THEN 20 ELSE 16 END ELSE 17 END
      FROM referral.pair
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, 0, hash, 1, amount, CASE WHEN hash = seal THEN 16 ELSE 17 END
      FROM (SELECT user_id, amount, seal, referral.seal_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount) AS hash
              FROM referral.credit
             WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
            OFFSET 0) AS c -- keeps the hash from being taken twice
    UNION ALL
    SELECT user_id, 0, referral.seal_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, abs(amount)), 0, -amount, 48
      FROM referral.ledger
     WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, 0, 0, 0, 0, 9 FROM referral.set_aside WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    SELECT user_id, 0, 0, 0, 0, 9 FROM referral.withheld WHERE user_id > $1 AND ($2::text IS NULL OR user_id <= $2)
    UNION ALL
    -- Rows of the waitlist that were altered, or whose pair does not wait.
    SELECT w.user_id, 0, 0, 0, 0, 9
      FROM referral.waitlist AS w
      LEFT JOIN referral.pair AS p ON p.user_id = w.user_id AND p.purchase_id = w.purchase_id
     WHERE w.user_id > $1 AND ($2::text IS NULL OR w.user_id <= $2)
       AND (w.passed_over OR coalesce(p.state <> 'Waiting' AND NOT w.growing, true)
            OR w.checksum <> referral.checksum_of_waiting(w.user_id, w.purchase_id, w.campaign, w.referrer_id, w.admission_order, w.growing,
                                                          w.least_need, w.tier_starts, w.tier_needs, w.edit))
    UNION ALL
    -- Waiting pairs that are not on the waitlist.
    SELECT p.user_id, 0, 0, 0, 0, 9
      FROM referral.pair AS p
     WHERE p.state = 'Waiting' AND p.user_id > $1 AND ($2::text IS NULL OR p.user_id <= $2)
       AND NOT EXISTS (SELECT FROM referral.waitlist AS w WHERE w.user_id = p.user_id AND w.purchase_id = p.purchase_id)
    UNION ALL
    -- Signups that are bound to nothing though something may bind them.
    SELECT s.user_id, 0, 0, 0, 0, 9
      FROM referral.signup AS s
      JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
      JOIN referral.campaign AS c ON c.name = l.campaign AND c.mode IN ('Open', 'PolicyMissing')
     WHERE s.user_id > $1 AND ($2::text IS NULL OR s.user_id <= $2)
       AND NOT EXISTS (SELECT FROM referral.attribution AS a WHERE a.user_id = s.user_id)
    UNION ALL
    SELECT s.user_id, 0, 0, 0, 0, 9
      FROM referral.signup AS s
     CROSS JOIN LATERAL referral.deciding_touch(s.user_id, s.visitor_id, s.signed_up_at) AS t
     WHERE s.user_id > $1 AND ($2::text IS NULL OR s.user_id <= $2)
       AND NOT EXISTS (SELECT FROM referral.link AS typed WHERE typed.code = referral.normal_code(s.code))
       AND NOT EXISTS (SELECT FROM referral.attribution AS a WHERE a.user_id = s.user_id)
), summed AS (
    SELECT user_id, bit_xor(facts) AS facts, bit_xor(earned) AS earned, sum(rows) AS rows, sum(amount) AS amount, bit_or(flags) AS flags
      FROM told
     GROUP BY user_id
)
-- flags: 1 a row is wrong by itself, 2 held, 4 granted, 8 attributed or to be
-- looked at, 16 there are results, 32 among them ledger entries.
SELECT user_id
  FROM summed
 WHERE flags & 24 > 0
   AND CASE WHEN flags & 1 = 1 THEN true
            WHEN flags & 8 = 0 AND (flags & 6 > 0 OR rows % 65536 <> 0) THEN true
            WHEN flags & 8 = 8 AND (facts <> 0 OR rows <> 0) THEN true
            WHEN flags & 2 = 0 AND earned = 0 AND amount = 0 THEN false
            WHEN flags & 38 = 2 THEN false
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
