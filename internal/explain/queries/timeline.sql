-- Reads the newest events of a user ($1), at most $2: touches, signup, purchases, refunds,
-- overrides and ledger entries. It reads no landing URL, referer, attribute or fingerprint. Uses
-- signup_pkey, touch_visitor, purchase_pkey, refund_pkey, override_pkey, ledger_pkey.
SELECT at, what, code, campaign, purchase_id, amount, currency, visitor_id, touch_id, referrer_id, expires_at, disabled_at
  FROM ((SELECT t.touched_at AS at, 'Touched' AS what, coalesce(l.code, '') AS code, coalesce(l.campaign, '') AS campaign,
                '' AS purchase_id, 0::bigint AS amount, '' AS currency, t.visitor_id, t.touch_id,
                coalesce(l.referrer_id, '') AS referrer_id, l.expires_at, l.disabled_at
           FROM referral.signup AS s
           JOIN referral.touch AS t ON t.visitor_id = s.visitor_id
           LEFT JOIN referral.link AS l ON l.code = referral.normal_code(t.code)
          WHERE s.user_id = $1
          ORDER BY t.touched_at DESC LIMIT $2)
        UNION ALL
        SELECT signed_up_at, 'SignedUp', '', '', '', 0, '', '', '', '', NULL, NULL FROM referral.signup WHERE user_id = $1
        UNION ALL
        (SELECT purchased_at, 'Purchased', '', '', purchase_id, amount, currency, '', '', '', NULL, NULL
           FROM referral.purchase WHERE user_id = $1 ORDER BY purchased_at DESC LIMIT $2)
        UNION ALL
        (SELECT r.refunded_at, 'Refunded', '', '', r.purchase_id, r.amount, coalesce(p.currency, ''), '', '', '', NULL, NULL
           FROM (SELECT * FROM referral.refund WHERE user_id = $1 ORDER BY refunded_at DESC LIMIT $2) AS r
           LEFT JOIN referral.purchase AS p ON p.user_id = r.user_id AND p.purchase_id = r.purchase_id)
        UNION ALL
        (SELECT created_at, 'Overridden', '', '', purchase_id, 0, '', '', '', '', NULL, NULL
           FROM referral.override WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2)
        UNION ALL
        (SELECT entered_at, CASE kind WHEN 'Grant' THEN 'Granted' ELSE 'Reversed' END, '', campaign, purchase_id, amount, currency, '', '', '', NULL, NULL
           FROM referral.ledger WHERE user_id = $1 ORDER BY entered_at DESC LIMIT $2)) AS event
 ORDER BY at DESC
 LIMIT $2
