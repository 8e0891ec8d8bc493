-- Fingerprints of referrers' own signups, and whom they were shared with when
-- they were erased.
-- Rides on signup_pkey.
SELECT user_id, fingerprints, coalesce(shared_with, '{}')
  FROM referral.signup
 WHERE user_id = ANY ($1) AND (fingerprints <> '{}' OR shared_with <> '{}');
