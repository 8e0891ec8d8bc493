-- Deletes up to $2 pairs of each of these campaigns that were counted in an earlier interval.
-- Uses lost_pair_pkey.
DELETE FROM referral.lost_pair AS p
 USING (SELECT o.campaign, o.user_id, o.purchase_id
          FROM referral.loss AS l
         CROSS JOIN LATERAL (SELECT campaign, user_id, purchase_id
                               FROM referral.lost_pair
                              WHERE campaign = l.campaign AND counted_at < l.began_at
                              LIMIT $2) AS o
         WHERE l.campaign = ANY ($1)) AS old
 WHERE (p.campaign, p.user_id, p.purchase_id) = (old.campaign, old.user_id, old.purchase_id);
