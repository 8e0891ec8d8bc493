-- Has those looked at who are next in a line, unless they will be anyway.
-- Rides on change_key.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(next.user_id), 'Referee', next.user_id
  FROM (SELECT DISTINCT unnest($1::text[]) AS user_id) AS next
 WHERE NOT EXISTS (SELECT FROM referral.change AS c
                    WHERE c.shard = referral.shard_of(next.user_id) AND c.kind = 'Referee' AND c.key = next.user_id);
