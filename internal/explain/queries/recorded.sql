-- Reads the newest recorded pairs of a user ($1), at most $3; or the pair of one purchase ($2, if it
-- is not empty). Uses pair_pkey, revision_pkey and purchase_pkey.
SELECT p.purchase_id, f.purchased_at, p.campaign, p.revision, coalesce(r.digest, ''), p.state, p.reason, p.matures_at
  FROM (SELECT * FROM referral.pair
         WHERE user_id = $1 AND ($2 = '' OR purchase_id = $2)
         ORDER BY qualified_at DESC LIMIT $3) AS p
  LEFT JOIN referral.purchase AS f ON f.user_id = p.user_id AND f.purchase_id = p.purchase_id
  LEFT JOIN referral.revision AS r ON r.campaign = p.campaign AND r.revision = p.revision
