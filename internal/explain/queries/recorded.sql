-- Reads the newest purchases of a user ($1) with what is recorded about them, at most $3; or one
-- purchase ($2, if it is not empty). A purchase without a pair has never counted, or is not decided
-- yet; a pair may have lost its purchase. Uses purchase_pkey, pair_pkey, campaign_pkey and
-- revision_pkey.
SELECT purchase_id, f.purchased_at, coalesce(p.campaign, ''), coalesce(c.mode, ''), coalesce(p.revision, 0), coalesce(r.digest, ''),
       coalesce(p.state, ''), coalesce(p.reason, ''), p.matures_at
  FROM (SELECT purchase_id, purchased_at FROM referral.purchase WHERE user_id = $1 AND ($2 = '' OR purchase_id = $2)) AS f
  FULL JOIN (SELECT * FROM referral.pair WHERE user_id = $1 AND ($2 = '' OR purchase_id = $2)) AS p USING (purchase_id)
  LEFT JOIN referral.campaign AS c ON c.name = p.campaign
  LEFT JOIN referral.revision AS r ON r.campaign = p.campaign AND r.revision = p.revision
 ORDER BY coalesce(f.purchased_at, p.qualified_at) DESC, purchase_id
 LIMIT $3
