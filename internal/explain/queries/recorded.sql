-- Reads the newest purchases of a user ($1) with what is recorded about them, at most $3; or one
-- purchase ($2, if it is not empty). Amounts are net of refunds. A purchase without a pair has never
-- counted, or is not decided yet; a pair may have lost its purchase. Uses purchase_pkey, pair_pkey,
-- refund_pkey, campaign_pkey and revision_pkey.
SELECT n.purchase_id, n.purchased_at, coalesce(n.currency, ''),
       coalesce(greatest(-9223372036854775808, n.amount - coalesce(refund.total, 0)), 0)::bigint,
       coalesce(n.campaign, ''), coalesce(c.mode, ''), coalesce(n.revision, 0), coalesce(r.digest, ''),
       coalesce(n.state, ''), coalesce(n.reason, ''), n.matures_at
  FROM (SELECT purchase_id, f.purchased_at, f.amount, f.currency, p.campaign, p.revision, p.state, p.reason, p.matures_at,
               coalesce(f.purchased_at, p.qualified_at) AS at
          FROM (SELECT * FROM referral.purchase WHERE user_id = $1 AND ($2 = '' OR purchase_id = $2)) AS f
          FULL JOIN (SELECT * FROM referral.pair WHERE user_id = $1 AND ($2 = '' OR purchase_id = $2)) AS p USING (purchase_id)
         ORDER BY at DESC, purchase_id
         LIMIT $3) AS n
  LEFT JOIN referral.campaign AS c ON c.name = n.campaign COLLATE "default"
  LEFT JOIN referral.revision AS r ON r.campaign = n.campaign COLLATE "default" AND r.revision = n.revision
  LEFT JOIN LATERAL (SELECT sum(amount) AS total FROM referral.refund WHERE user_id = $1 AND purchase_id = n.purchase_id) AS refund ON true
 ORDER BY n.at DESC, n.purchase_id
