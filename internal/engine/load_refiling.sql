-- Which lines are being refiled: of the campaigns, in which some may still stand
-- for the reason they had before an edit, and of these referrers in them ($2), in
-- which some may still need what another tier gave. Those that it is over for are
-- forgotten. The caller holds the campaigns' lines.
-- Rides on refiling_pkey, and change_pkey with one probe per shard if there are any.
WITH line AS MATERIALIZED (
    SELECT campaign, referrer_id, noted_up_to FROM referral.refiling WHERE campaign = ANY ($1)
), over AS (
    DELETE FROM referral.refiling AS f
     USING line
     WHERE (f.campaign, f.referrer_id, f.noted_up_to) = (line.campaign, line.referrer_id, line.noted_up_to)
       AND line.noted_up_to < coalesce((SELECT min(oldest.id)
                                          FROM referral.shard AS s
                                         CROSS JOIN LATERAL (SELECT id FROM referral.change AS c
                                                              WHERE c.shard = s.shard ORDER BY id LIMIT 1) AS oldest), 9223372036854775807)
    RETURNING f.campaign, f.referrer_id, f.noted_up_to
)
SELECT DISTINCT campaign, referrer_id
  FROM line
 WHERE (referrer_id = '' OR referrer_id = ANY ($2))
   AND (campaign, referrer_id, noted_up_to) NOT IN (SELECT campaign, referrer_id, noted_up_to FROM over);
