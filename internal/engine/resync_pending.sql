-- Which of these referees are on the change list, or reached by what is on it.
-- Rides on change_key.
SELECT DISTINCT w.user_id
  FROM unnest($1::text[], $2::text[], $3::text[]) AS w(user_id, kind, key)
 WHERE EXISTS (SELECT FROM referral.change AS c
                WHERE c.shard = referral.shard_of(w.key) AND c.key = w.key AND c.kind = w.kind);
