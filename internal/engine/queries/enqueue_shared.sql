-- Enqueues those of these referees that share a fingerprint with these referrers, where @shared
-- says that they do not, or the other way round. Uses signup_pkey and shared_fingerprint_pkey.
INSERT INTO referral.change (shard, kind, key)
SELECT referral.shard_of(d.user_id), 'Referee', d.user_id
  FROM unnest(@user_ids::text[], @referrer_ids::text[], @shared::boolean[]) AS d(user_id, referrer_id, shared)
 WHERE d.shared <> (EXISTS (SELECT
                              FROM referral.signup AS s
                              JOIN referral.signup AS r ON r.user_id = d.referrer_id AND r.fingerprints && s.fingerprints
                             WHERE s.user_id = d.user_id)
                    OR EXISTS (SELECT FROM referral.shared_fingerprint AS f WHERE f.user_id = d.user_id AND f.other_id = d.referrer_id));
