-- Which lines are being refiled: of the campaigns, in which some may still stand
-- for the reason they had before an edit, and of these referrers in them ($2), in
-- which some may still need what another tier gave. Those that it is over for are
-- forgotten. The caller holds the campaigns' lines.
-- Rides on refiling_pkey, and change_pkey with one probe per shard if there are any.
WITH over AS (
    DELETE FROM referral.refiling
     WHERE campaign = ANY ($1)
       AND noted_up_to < coalesce((SELECT min(oldest.id)
                                     FROM referral.shard AS s
                                    CROSS JOIN LATERAL (SELECT id FROM referral.change AS c
                                                         WHERE c.shard = s.shard ORDER BY id LIMIT 1) AS oldest), 9223372036854775807)
    RETURNING campaign, referrer_id, noted_up_to
)
SELECT DISTINCT f.campaign, f.referrer_id
  FROM referral.refiling AS f
 WHERE f.campaign = ANY ($1) AND (f.referrer_id = '' OR f.referrer_id = ANY ($2))
   AND NOT EXISTS (SELECT FROM over AS o WHERE (o.campaign, o.referrer_id, o.noted_up_to) = (f.campaign, f.referrer_id, f.noted_up_to));
