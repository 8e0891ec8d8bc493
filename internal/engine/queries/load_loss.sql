-- Reads the counts of campaigns whose rows of loss are locked: whether a new interval of counting
-- begins, and the pairs held or granted when the interval began. An interval goes on while an
-- incident is not permitted.
-- Uses loss_pkey, campaign_pkey, incident_campaign and pair_count_pkey.
SELECT l.campaign, n.restarts, CASE WHEN n.restarts THEN 0 ELSE l.lost END,
       CASE WHEN n.restarts THEN (SELECT coalesce(sum(granted + held), 0)::bigint FROM referral.pair_count AS k WHERE k.campaign = l.campaign)
            ELSE l.present END
  FROM referral.loss AS l
  LEFT JOIN referral.campaign AS c ON c.name = l.campaign COLLATE "default"
 CROSS JOIN LATERAL (SELECT l.began_at IS NULL
                            OR l.began_at + coalesce(c.resync_interval, 1800000000) * interval '1 microsecond' <= clock_timestamp()
                               AND NOT EXISTS (SELECT FROM referral.incident AS i
                                                WHERE i.campaign = l.campaign AND i.state <> 'Permitted') AS restarts) AS n
 WHERE l.campaign = ANY ($1)
 ORDER BY l.campaign;
