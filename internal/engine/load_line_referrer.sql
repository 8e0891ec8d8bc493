-- Who stands first in the line of each of these referrers for these reasons, of
-- those that the budget would do for, up to as many as are asked for.
-- Rides on pair_line_referrer.
SELECT p.user_id, p.purchase_id, p.referrer_id, p.admission_order, p.needs, false AS growing
  FROM unnest($2::text[], $3::bigint[]) AS r(referrer_id, places)
 CROSS JOIN unnest($5::text[]) AS why(reason)
 CROSS JOIN LATERAL (SELECT user_id, purchase_id, pair.referrer_id, admission_order, needs
                       FROM referral.pair
                      WHERE campaign = $1 AND pair.referrer_id = r.referrer_id AND pair.reason = why.reason
                        AND state = 'Waiting' AND needs IS NOT NULL AND needs <= $4
                      ORDER BY admission_order
                      LIMIT r.places) AS p
 ORDER BY p.admission_order;
