-- Locks what is counted of campaigns, by name, so that no two batches count beside
-- each other. The pairs granted are those of now and those reversed meanwhile.
-- Rides on loss_pkey.
WITH made AS (
    INSERT INTO referral.loss (campaign)
    SELECT name FROM unnest($1::text[]) AS c(name) ORDER BY name
        ON CONFLICT (campaign) DO UPDATE SET campaign = excluded.campaign
    RETURNING campaign, began_at, reversed, incident, allowed, pairs, granted
)
SELECT m.campaign,
       m.incident IS NULL AND m.began_at + coalesce(c.resync_interval, 1800000000) * interval '1 microsecond' <= clock_timestamp() AS over,
       m.reversed, coalesce(m.incident, ''), m.allowed, m.pairs, m.granted,
       (SELECT coalesce(sum(granted + held), 0)::bigint FROM referral.pair_count AS n WHERE n.campaign = m.campaign)
  FROM made AS m
  LEFT JOIN referral.campaign AS c ON c.name = m.campaign;
