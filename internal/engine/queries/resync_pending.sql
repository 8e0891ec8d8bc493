-- Finds which of these referees a pending change, or a pending allocation request, reaches.
-- Uses change_key and allocation_request_campaign.
SELECT DISTINCT w.user_id
  FROM unnest($1::text[], $2::text[], $3::text[]) AS w(user_id, kind, key)
 WHERE CASE WHEN w.kind = 'Allocation'
            THEN EXISTS (SELECT FROM referral.allocation_request AS a WHERE a.campaign = w.key)
            ELSE EXISTS (SELECT FROM referral.change AS c
                          WHERE c.shard = referral.shard_of(w.key) AND c.key = w.key AND c.kind = w.kind) END;
