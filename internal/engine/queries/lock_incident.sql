-- Locks the incidents of campaigns whose rows of loss are locked, oldest first: none is reported or
-- permitted while pairs are added to it or taken from it. Uses incident_campaign.
SELECT id, campaign, state, withheld
  FROM referral.incident
 WHERE campaign = ANY ($1) AND cause = $2
 ORDER BY campaign, began_at, id
   FOR UPDATE;
