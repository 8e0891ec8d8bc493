-- Releases the withheld pairs of campaign $1 whose referees come after $2, up to $3 or, if that is
-- null, to the last: their credits are reversed. An incident ends with its last pair. The
-- campaign's incidents are locked.
-- Uses withheld_pkey and incident_pkey.
WITH gone AS (
    DELETE FROM referral.withheld
     WHERE campaign = $1 AND user_id > $2 AND ($3::text IS NULL OR user_id <= $3)
    RETURNING incident
), counted AS (
    SELECT incident, count(*) AS pairs FROM gone GROUP BY incident
), ended AS (
    DELETE FROM referral.incident AS i USING counted AS n WHERE i.id = n.incident AND i.withheld <= n.pairs
)
UPDATE referral.incident AS i
   SET withheld = i.withheld - n.pairs
  FROM counted AS n
 WHERE i.id = n.incident AND i.withheld > n.pairs;
