-- Fixes number and set of pairs of the oldest open incident of each campaign that has none reported
-- yet; what is lost later is withheld under another id. One that a batch has locked is reported the
-- next time. Uses incident_campaign.
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
