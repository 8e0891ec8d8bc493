-- Finds which of these referees shared a fingerprint with which of these referrers when one of the
-- two was erased.
-- Uses shared_fingerprint_pkey.
SELECT f.user_id, f.other_id
  FROM unnest($1::text[], $2::text[]) AS wanted(user_id, other_id)
  JOIN referral.shared_fingerprint AS f USING (user_id, other_id);
