-- Repairs altered pairs of these referees whose original values follow from the checksum: if one
-- column, or state and reason, was altered, the value that fits the checksum is searched among the
-- values of other rows and the possible values. Returns the repaired pairs. Other altered pairs
-- stay as they are.
-- Uses pair_pkey and the keys of the other tables. If a pair was altered it reads table campaign whole.
WITH altered AS MATERIALIZED (
    SELECT user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal, qualified_at, matures_at, counted_at,
           allowed, state, reason, credits, decided_at, checksum
      FROM referral.pair
     WHERE user_id = ANY ($1) AND checksum <> 0
       AND checksum <> referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
                                         qualified_at, matures_at, counted_at, allowed, state, reason, credits)
), candidate AS (
    SELECT a.user_id, a.purchase_id, c.name AS campaign, a.referrer_id, a.revision, a.admission_order,
           a.ordinal, a.qualified_at, a.matures_at, a.counted_at, a.allowed, a.state, a.reason, a.credits
      FROM altered AS a CROSS JOIN referral.campaign AS c
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, t.referrer_id AS referrer_id, a.revision, a.admission_order,
           a.ordinal, a.qualified_at, a.matures_at, a.counted_at, a.allowed, a.state, a.reason, a.credits
      FROM altered AS a JOIN referral.attribution AS t ON t.user_id = a.user_id
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, r.revision AS revision, a.admission_order,
           a.ordinal, a.qualified_at, a.matures_at, a.counted_at, a.allowed, a.state, a.reason, a.credits
      FROM altered AS a JOIN referral.revision AS r ON r.campaign = a.campaign COLLATE "default"
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, w.admission_order AS admission_order,
           a.ordinal, a.qualified_at, a.matures_at, a.counted_at, a.allowed, a.state, a.reason, a.credits
      FROM altered AS a JOIN referral.waitlist AS w ON w.user_id = a.user_id AND w.purchase_id = a.purchase_id
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, a.admission_order,
           nullif(n, 0) AS ordinal, a.qualified_at, a.matures_at, a.counted_at, a.allowed, a.state, a.reason,
           a.credits
      FROM altered AS a CROSS JOIN generate_series(0, 1000) AS n
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, a.admission_order, a.ordinal,
           greatest(s.signed_up_at, b.purchased_at) AS qualified_at, a.matures_at, a.counted_at, a.allowed,
           a.state, a.reason, a.credits
      FROM altered AS a
      JOIN referral.signup AS s ON s.user_id = a.user_id
      JOIN referral.purchase AS b ON b.user_id = a.user_id AND b.purchase_id = a.purchase_id
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, a.admission_order, a.ordinal,
           a.qualified_at,
           -- A hold ends at the last time of Postgres at the latest, as in reward.maturesAt.
           least(b.purchased_at, timestamptz '294276-12-31 23:59:59.999999+00' - h.hold) + h.hold AS matures_at,
           a.counted_at, a.allowed, a.state, a.reason, a.credits
      FROM altered AS a
      JOIN referral.purchase AS b ON b.user_id = a.user_id AND b.purchase_id = a.purchase_id
      JOIN referral.revision AS r ON r.campaign = a.campaign COLLATE "default" AND r.revision = a.revision
     CROSS JOIN LATERAL (SELECT coalesce((r.terms ->> 'holdPeriod')::bigint, 0) / 1000 * interval '1 microsecond' AS hold) AS h
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, a.admission_order, a.ordinal,
           a.qualified_at, a.matures_at, t.at AS counted_at, a.allowed, a.state, a.reason, a.credits
      FROM altered AS a
     CROSS JOIN LATERAL (SELECT a.decided_at AS at
                         UNION ALL
                         SELECT l.entered_at FROM referral.ledger AS l WHERE l.user_id = a.user_id AND l.purchase_id = a.purchase_id
                         UNION ALL
                         SELECT b.resolved_at FROM referral.attribution AS b WHERE b.user_id = a.user_id) AS t
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, a.admission_order, a.ordinal,
           a.qualified_at, a.matures_at, a.counted_at, NOT a.allowed AS allowed, a.state, a.reason, a.credits
      FROM altered AS a
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, a.admission_order, a.ordinal,
           a.qualified_at, a.matures_at, a.counted_at, a.allowed, s.state AS state, r.reason AS reason,
           a.credits
      FROM altered AS a
     CROSS JOIN unnest(ARRAY['Held', 'Granted', 'Waiting', 'Reversed']) AS s(state)
     CROSS JOIN unnest($2::text[]) AS r(reason)
    UNION ALL
    SELECT a.user_id, a.purchase_id, a.campaign, a.referrer_id, a.revision, a.admission_order, a.ordinal,
           a.qualified_at, a.matures_at, a.counted_at, a.allowed, a.state, a.reason, n AS credits
      FROM altered AS a CROSS JOIN generate_series(0, 8) AS n
), original AS (
    SELECT DISTINCT ON (c.user_id, c.purchase_id) c.*
      FROM candidate AS c
      JOIN altered AS a USING (user_id, purchase_id)
     WHERE a.checksum = referral.checksum_of_pair(c.user_id, c.purchase_id, c.campaign, c.referrer_id, c.revision, c.admission_order, c.ordinal,
                                          c.qualified_at, c.matures_at, c.counted_at, c.allowed, c.state, c.reason, c.credits)
     ORDER BY c.user_id, c.purchase_id
)
UPDATE referral.pair AS p
   SET campaign = o.campaign, referrer_id = o.referrer_id, revision = o.revision, admission_order = o.admission_order,
       ordinal = o.ordinal, qualified_at = o.qualified_at, matures_at = o.matures_at, counted_at = o.counted_at,
       allowed = o.allowed, state = o.state, reason = o.reason, credits = o.credits
  FROM original AS o
 WHERE p.user_id = o.user_id AND p.purchase_id = o.purchase_id
RETURNING p.user_id, p.purchase_id;
