-- Lists a referrer's links after a code, with the numbers of their touches and of their most
-- frequent actions, which are kept: the counts, and the few changes that the engine has not added
-- to them yet. Uses link_referrer, link_count_pkey and link_count_change_code.
SELECT l.code, l.campaign, l.referrer_id, l.label, l.destination, l.expires_at, l.created_at, l.disabled_at,
       coalesce(counted.touches, 0)::bigint, coalesce(counted.actions, '{}')
  FROM referral.link AS l
 CROSS JOIN LATERAL (SELECT sum(times) FILTER (WHERE action = '') AS touches,
                            jsonb_object_agg(action, times) FILTER (WHERE action <> '' AND place <= $4) AS actions
                       FROM (SELECT action, sum(times)::bigint AS times,
                                    row_number() OVER (PARTITION BY action = '' ORDER BY sum(times) DESC, action) AS place
                               FROM (SELECT action, times FROM referral.link_count WHERE code = l.code
                                     UNION ALL
                                     (SELECT action, times FROM referral.link_count_change WHERE code = l.code LIMIT 10000)) AS part
                              GROUP BY action) AS each) AS counted
 WHERE l.referrer_id = $1 AND l.code > $2
 ORDER BY l.code
 LIMIT $3;
