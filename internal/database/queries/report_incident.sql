-- Reports the oldest open incident of each campaign that has no reported one: number and set of its
-- pairs are fixed, and later losses are withheld under another id. Incidents that a batch has
-- locked are skipped until the next call. Uses incident_campaign.
UPDATE referral.incident AS i
   SET state = 'Reported', reported = i.withheld
  FROM (SELECT o.id
          FROM referral.incident AS o
         WHERE o.state = 'Open'
           AND NOT EXISTS (SELECT FROM referral.incident AS e
                            WHERE e.campaign = o.campaign AND e.cause = o.cause
                              AND (e.state = 'Reported' OR e.state = 'Open' AND (e.began_at, e.id) < (o.began_at, o.id)))
           FOR UPDATE OF o SKIP LOCKED) AS oldest
 WHERE i.id = oldest.id AND i.state = 'Open'
RETURNING i.campaign, i.id, i.reported, i.present
