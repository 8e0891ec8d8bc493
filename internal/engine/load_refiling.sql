-- Campaigns whose limits were edited, and in whose line some still stand for the
-- reason they had before.
-- Rides on refiling_pkey and change_pkey, one probe per shard.
SELECT f.campaign
  FROM referral.refiling AS f
 WHERE f.campaign = ANY ($1)
   AND (f.noted_up_to IS NULL
        OR EXISTS (SELECT
                     FROM referral.shard AS s
                    WHERE EXISTS (SELECT FROM referral.change AS c WHERE c.shard = s.shard AND c.id <= f.noted_up_to)));
