-- Locks the incidents of campaigns whose rows of loss are locked, oldest first: none is reported or
-- permitted while its pairs change.
-- Uses incident_campaign.
SELECT id, campaign, state, withheld
  FROM referral.incident
 WHERE campaign = ANY ($1) AND cause = $2
 ORDER BY campaign, began_at, id
   FOR UPDATE;
