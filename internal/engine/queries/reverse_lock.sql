-- Locks the reversal of one campaign other than those in $1, unless another engine runs it: of the
-- first by name after $2 or, if there is none, of the first of all. There is one row per campaign that
-- was reversed. xmin is the version of the row: it differs once any engine has recorded progress, or
-- the campaign was declared and deleted again.
-- Uses campaign_pkey.
SELECT r.campaign, r.resume_user, r.resume_purchase, r.xmin::text::bigint
  FROM referral.reversal AS r
 CROSS JOIN LATERAL (SELECT mode FROM referral.campaign WHERE name = r.campaign COLLATE "default" LIMIT 1) AS c
 WHERE NOT r.done AND c.mode = 'Reversing' AND r.campaign <> ALL ($1::text[])
 ORDER BY r.campaign > $2 DESC, r.campaign
 LIMIT 1
   FOR UPDATE OF r SKIP LOCKED;
