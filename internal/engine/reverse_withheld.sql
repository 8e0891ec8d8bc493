-- Referees of campaign $1 with keys behind $2, up to $3 or, where that is null, to the last, are
-- not withheld any more: nothing of theirs is left to reverse. With the last one the incident ends.
-- Uses withheld_pkey and loss_pkey.
WITH gone AS (
    DELETE FROM referral.withheld
     WHERE campaign = $1 AND user_id > $2 AND ($3::text IS NULL OR user_id <= $3)
    RETURNING pairs
)
UPDATE referral.loss AS l
   SET pairs = l.pairs - g.pairs,
       incident = CASE WHEN l.pairs = g.pairs THEN NULL ELSE l.incident END,
       allowed = l.allowed AND l.pairs <> g.pairs
  FROM (SELECT sum(pairs)::bigint AS pairs FROM gone) AS g
 WHERE l.campaign = $1 AND g.pairs > 0;
