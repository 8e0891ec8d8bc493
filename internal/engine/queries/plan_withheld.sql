-- Reads the pairs of these referees whose reversals are withheld and not permitted.
-- Uses withheld_user and incident_pkey.
SELECT w.user_id, w.purchase_id
  FROM referral.withheld AS w
  JOIN referral.incident AS i ON i.id = w.incident
 WHERE w.user_id = ANY ($1) AND i.state <> 'Permitted';
