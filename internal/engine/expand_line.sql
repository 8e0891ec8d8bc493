-- A line reaches those who stand in it, in its order: at most $3 of each key a
-- step. A key is a campaign, or a campaign and one referrer parted by a slash,
-- which no campaign's name has; in a referrer's line, those come first who lack
-- budget.
-- While a line is being refiled it leaves the id up to which it has noted.
-- Rides on pair_line, pair_line_referrer and refiling_pkey.
WITH line AS (
    SELECT key, split_part(key, '/', 1) AS campaign, strpos(key, '/') = 0 AS whole,
           CASE strpos(key, '/') WHEN 0 THEN '' ELSE substr(key, strpos(key, '/') + 1) END AS referrer_id,
           split_part(resume_after, ' ', 1) AS last_reason,
           coalesce(nullif(split_part(resume_after, ' ', 2), ''), '0')::bigint AS last_order
      FROM unnest($1::text[], $2::text[]) AS l(key, resume_after)
), reached AS (
    SELECT line.key, p.user_id, '' AS reason, p.admission_order
      FROM line
     CROSS JOIN LATERAL (SELECT user_id, admission_order
                           FROM referral.pair
                          WHERE campaign = line.campaign AND needs IS NOT NULL AND admission_order > line.last_order
                          ORDER BY admission_order
                          LIMIT $3) AS p
     WHERE line.whole
    UNION ALL
    SELECT line.key, p.user_id, p.reason, p.admission_order
      FROM line
     CROSS JOIN LATERAL (SELECT user_id, reason, admission_order
                           FROM referral.pair
                          WHERE campaign = line.campaign AND referrer_id = line.referrer_id
                            AND needs IS NOT NULL AND (reason, admission_order) > (line.last_reason, line.last_order)
                          ORDER BY reason, admission_order
                          LIMIT $3) AS p
     WHERE NOT line.whole
), unfinished AS (
    SELECT r.key, r.reason || ' ' || lpad(r.admission_order::text, 19, '0') AS last_place
      FROM (SELECT DISTINCT ON (key) key, reason, admission_order, count(*) OVER (PARTITION BY key) AS places
              FROM reached ORDER BY key, reason DESC, admission_order DESC) AS r
     WHERE r.places = $3
), noted AS (
    INSERT INTO referral.change (shard, kind, key, resume_after)
    SELECT referral.shard_of(user_id), 'Referee', user_id, '' FROM reached
    UNION ALL
    SELECT referral.shard_of(key), 'Line', key, last_place FROM unfinished
    RETURNING id
)
INSERT INTO referral.refiling (campaign, referrer_id, noted_up_to)
SELECT line.campaign, line.referrer_id, last.id
  FROM line
 CROSS JOIN (SELECT max(id) AS id FROM noted) AS last
 WHERE last.id IS NOT NULL
   AND EXISTS (SELECT FROM referral.refiling AS f
                WHERE f.campaign = line.campaign AND f.referrer_id = line.referrer_id);
