-- Who stands first in the lines of referrers in which some may stand for a reason,
-- or a need, that is not theirs any more, of those who stand for these ($6), whom
-- what is left of the budget ($4) would do for, and whose referrer's cap ($3; 0:
-- none) is not reached. At most $5.
-- The batch's own referrers ($2) are left out, of whom it knows more.
-- Rides on refiling_pkey and pair_line_referrer.
SELECT p.user_id, p.purchase_id, p.referrer_id, p.admission_order, p.needs, false AS growing
  FROM (SELECT DISTINCT referrer_id
          FROM referral.refiling
         WHERE campaign = $1 AND referrer_id <> '' AND referrer_id <> ALL ($2::text[])) AS f
 CROSS JOIN unnest($6::text[]) AS why(reason)
 CROSS JOIN LATERAL (SELECT user_id, purchase_id, pair.referrer_id, admission_order, needs
                       FROM referral.pair
                      WHERE campaign = $1 AND pair.referrer_id = f.referrer_id AND pair.reason = why.reason
                        AND state = 'Waiting' AND needs IS NOT NULL AND needs <= $4
                      ORDER BY admission_order
                      LIMIT $5) AS p
 WHERE $3::bigint = 0
    OR $3 > coalesce((SELECT r.pairs FROM referral.referrer AS r
                       WHERE r.campaign = $1 AND r.referrer_id = f.referrer_id), 0)
 ORDER BY p.admission_order
 LIMIT $5;
