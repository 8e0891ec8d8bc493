-- Finds out which of these campaigns have deferred referees.
-- Uses deferred_pkey.
SELECT c.name
  FROM unnest($1::text[]) AS c(name)
 WHERE EXISTS (SELECT FROM referral.deferred AS d WHERE d.campaign = c.name);
