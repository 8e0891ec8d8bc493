-- Locks campaigns, ordered by name, until the commit: admission orders are drawn and admissions
-- committed by one batch at a time. Also locks the campaigns in which the users $2 wait.
-- Uses campaign_pkey and waitlist_pkey.
SELECT
  FROM referral.campaign
 WHERE name = ANY (ARRAY(SELECT unnest($1::text[])
                         UNION
                         SELECT campaign COLLATE "default" FROM referral.waitlist WHERE user_id = ANY ($2)))
 ORDER BY name
   FOR NO KEY UPDATE;
