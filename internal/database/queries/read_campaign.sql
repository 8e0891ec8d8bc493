-- What is in force for campaign $1, whether it was declared or not, and the highest generation of
-- policy $2 that was in force for it: one row.
-- Uses campaign_pkey, followed_policy_pkey and revision_pkey.
SELECT coalesce((SELECT uid FROM referral.owner WHERE released_at IS NULL), '') AS owner_uid,
       c.name IS NOT NULL AS declared,
       coalesce(c.mode, ''), c.starts_at, c.ends_at, coalesce(c.attribution_window, 0), coalesce(c.destination, ''),
       coalesce(c.budget_amount, 0), coalesce(c.budget_currency, ''), coalesce(c.resync_interval, 0),
       coalesce(c.pairs_per_referrer, 0),
       coalesce(c.uid, ''), coalesce(c.generation, 0),
       coalesce(c.policy, ''), coalesce(c.policy_uid, ''), coalesce(c.policy_generation, 0),
       CASE WHEN c.policy_uid = $2 THEN c.policy_generation ELSE coalesce(f.generation, 0) END,
       coalesce(r.revision, 0), coalesce(r.digest, ''), CASE WHEN r.terms ? 'limits' THEN r.terms - 'limits' END,
       coalesce(c.deleted_uids, '{}')
  FROM (SELECT * FROM referral.meta LIMIT 1) AS m -- one row, which the planner does not know
  LEFT JOIN referral.campaign AS c ON c.name = $1
  LEFT JOIN referral.followed_policy AS f ON f.campaign = $1 AND f.policy_uid = $2
  LEFT JOIN LATERAL (SELECT revision, digest, terms FROM referral.revision
                      WHERE campaign = $1 ORDER BY revision DESC LIMIT 1) AS r ON true
