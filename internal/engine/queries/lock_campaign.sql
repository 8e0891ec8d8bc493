-- Locks campaigns by name until the commit: orders are drawn, and admissions committed, one batch
-- after the other. Locked with them are the campaigns in which these referees wait ($2).
-- Uses campaign_pkey and the primary key of waitlist.
SELECT
  FROM referral.campaign
 WHERE name = ANY ($1) OR name IN (SELECT campaign FROM referral.waitlist WHERE user_id = ANY ($2))
 ORDER BY name
   FOR NO KEY UPDATE;
