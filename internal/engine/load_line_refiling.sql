-- Who stands first in a campaign's line of those that fit, found without regard
-- to the reasons they stand for: for what the parameters mean, see
-- load_line_budget.sql.
-- Rides on pair_line, from its head.
SELECT p.user_id, p.purchase_id, p.referrer_id, p.admission_order, p.needs, p.state <> 'Waiting' AS growing
  FROM referral.pair AS p
 WHERE p.campaign = $1 AND p.needs IS NOT NULL AND p.needs <= greatest($2::bigint, 0)
   AND (p.state <> 'Waiting'
        OR $4::boolean AND ($3::bigint = 0 OR $3 > coalesce((SELECT r.pairs FROM referral.referrer AS r
                                                              WHERE r.campaign = $1 AND r.referrer_id = p.referrer_id), 0)))
 ORDER BY p.admission_order
 LIMIT $5;
