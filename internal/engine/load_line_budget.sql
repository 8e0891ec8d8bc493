-- Who stands first in a campaign's line of those that what is left of the
-- budget ($2) would do for, and whose referrer's cap ($3; 0: none) is not reached;
-- Waiting ones only while the campaign admits any ($4). The room may serve as
-- many as the least need goes into it, and $5 more are asked for because the
-- caller knows better about them; at most $6.
--
-- Where few fit they are found by what they need, wherever they stand; where
-- many do, the first of them are found by walking down the line.
-- Rides on pair_line_needs and pair_line.
WITH least_need AS MATERIALIZED (
    SELECT needs
      FROM referral.pair
     WHERE campaign = $1 AND needs IS NOT NULL AND reason = 'BudgetExhausted'
     ORDER BY needs
     LIMIT 1
), asked AS MATERIALIZED (
    SELECT least($6::bigint, $5 + 1 + greatest($2::bigint, 0) / greatest(needs, 1)) AS places
      FROM least_need
     WHERE needs <= greatest($2, 0)
), few AS MATERIALIZED (
    SELECT user_id, purchase_id, referrer_id, admission_order, needs, state
      FROM referral.pair
     WHERE campaign = $1 AND needs IS NOT NULL AND reason = 'BudgetExhausted' AND needs <= greatest($2, 0)
       AND EXISTS (SELECT FROM asked)
     ORDER BY needs
     LIMIT $6
), fit AS (
    SELECT * FROM few WHERE (SELECT count(*) FROM few) < $6
    UNION ALL
    (SELECT user_id, purchase_id, referrer_id, admission_order, needs, state
       FROM referral.pair AS p
      WHERE (SELECT count(*) FROM few) >= $6
        AND campaign = $1 AND needs IS NOT NULL AND reason = 'BudgetExhausted' AND needs <= greatest($2, 0)
        AND (state <> 'Waiting' OR $4)
        AND (state <> 'Waiting' OR $3::bigint = 0
             OR $3 > coalesce((SELECT pairs FROM referral.referrer AS r
                                WHERE r.campaign = $1 AND r.referrer_id = p.referrer_id), 0))
      ORDER BY admission_order
      LIMIT $6)
)
SELECT user_id, purchase_id, referrer_id, admission_order, needs, state <> 'Waiting' AS growing
  FROM fit
 WHERE (state <> 'Waiting' OR $4)
   AND (state <> 'Waiting' OR $3 = 0
        OR $3 > coalesce((SELECT pairs FROM referral.referrer AS r
                           WHERE r.campaign = $1 AND r.referrer_id = fit.referrer_id), 0))
 ORDER BY admission_order
 LIMIT (SELECT places FROM asked);
