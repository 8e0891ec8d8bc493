-- Campaigns in whose line anybody stands.
-- Rides on pair_line, one probe each.
SELECT c.campaign
  FROM unnest($1::text[]) AS c(campaign)
 WHERE EXISTS (SELECT FROM referral.pair AS p WHERE p.campaign = c.campaign AND p.needs IS NOT NULL);
