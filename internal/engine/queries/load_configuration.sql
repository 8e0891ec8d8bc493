-- Reads everything that batches are decided under, in one snapshot: one row per revision of each
-- campaign, or one row of nulls.
-- Reads small tables whole, and uses waitlist_order with one probe per campaign.
SELECT m.epoch, m.schema_version, m.rules_version, m.suspended, m.attribution,
       coalesce((SELECT uid FROM referral.owner WHERE released_at IS NULL), '') AS owner_uid,
       c.name, c.mode, c.starts_at, c.ends_at, c.attribution_window,
       c.budget_amount, c.budget_currency, coalesce(c.pairs_per_referrer, 0), c.edit,
       EXISTS (SELECT FROM referral.waitlist AS w WHERE w.campaign = c.name) AS waits,
       r.revision, r.recorded_at, r.scope, r.terms, coalesce(r.withdraws, 0), o.campaign IS NOT NULL AS rolls_out, coalesce(o.reached, ''), coalesce(o.reached_all, false)
  FROM (SELECT * FROM referral.meta LIMIT 1) AS m -- the planner does not know that it has one row
  LEFT JOIN referral.campaign AS c ON true
  LEFT JOIN referral.revision AS r ON r.campaign = c.name
  LEFT JOIN referral.rollout AS o ON o.campaign = r.campaign AND o.revision = r.revision
 ORDER BY c.name, r.revision
