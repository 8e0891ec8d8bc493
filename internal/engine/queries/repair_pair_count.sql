-- Adds to one locked counter of each campaign what all of its counters lack.
-- Uses pair_count_pkey.
UPDATE referral.pair_count AS c
   SET awaiting_purchase = c.awaiting_purchase + l.awaiting, waiting = c.waiting + l.waiting, held = c.held + l.held,
       granted = c.granted + l.granted, reversed = c.reversed + l.reversed
  FROM unnest(@campaigns::text[], @awaiting::text[]::numeric[], @waiting::text[]::numeric[], @held::text[]::numeric[],
              @granted::text[]::numeric[], @reversed::text[]::numeric[]) AS l(campaign, awaiting, waiting, held, granted, reversed)
 WHERE c.campaign = l.campaign AND c.shard = 0;
