-- Reads, for those of these pairs that wait to be admitted and are not passed over, the cap and the
-- budget of their campaign, what pairs leave of the budget (see load_budget), the number of their
-- referrer's admitted pairs, and what they need of the budget as the next one. Uses waitlist_pkey,
-- campaign_pkey, credit_count_pkey and referrer_pkey.
WITH waiting AS MATERIALIZED (
    SELECT w.*
      FROM unnest($1::text[], $2::text[]) AS k(user_id, purchase_id)
     CROSS JOIN LATERAL (SELECT * FROM referral.waitlist
                          WHERE user_id = k.user_id AND purchase_id = k.purchase_id AND NOT growing AND NOT passed_over
                          LIMIT 1) AS w
), capacity AS MATERIALIZED (
    SELECT c.name, c.pairs_per_referrer, c.budget_amount,
           greatest(-9223372036854775808, least(9223372036854775807,
                    c.budget_amount - greatest(0, coalesce(used.amount, 0))))::bigint AS budget_left
      FROM (SELECT DISTINCT campaign FROM waiting) AS d
     CROSS JOIN LATERAL (SELECT * FROM referral.campaign WHERE name = d.campaign COLLATE "default" LIMIT 1) AS c
     CROSS JOIN LATERAL (SELECT sum(coalesce(nullif(granted + held, 'NaN'), 'Infinity')) AS amount FROM referral.credit_count
                          WHERE campaign = c.name AND currency = c.budget_currency) AS used
)
SELECT w.user_id, w.purchase_id, w.referrer_id, coalesce(c.pairs_per_referrer, 0), c.budget_amount, coalesce(c.budget_left, 0), coalesce(r.pairs, 0),
       CASE WHEN w.tier_starts IS NULL THEN w.least_need ELSE w.tier_needs[width_bucket(1 + coalesce(r.pairs, 0), w.tier_starts)] END
  FROM waiting AS w
  JOIN capacity AS c ON c.name = w.campaign
  LEFT JOIN LATERAL (SELECT pairs FROM referral.referrer
                      WHERE campaign = w.campaign AND referrer_id = w.referrer_id
                      LIMIT 1) AS r ON true;
