-- Rides on signup_pkey.
SELECT user_id, coalesce(visitor_id, ''), lower(coalesce(code, '')), signed_up_at, arrived_at, fingerprints
  FROM referral.signup
 WHERE user_id = ANY ($1);
