-- Blanks the signup of $1 if its hash is still $2. Skips a signup that a writer has locked. Returns
-- how many it blanked: a trigger may keep a row as it is.
-- Uses signup_pkey.
WITH whole AS MATERIALIZED (
    SELECT user_id
      FROM referral.signup
     WHERE user_id = $1 AND NOT (blanked AND visitor_id IS NULL AND fingerprints = '{}' AND attributes = '{}')
       AND $2 = referral.hash_of_signup(visitor_id, code, signed_up_at, arrived_at, fingerprints, attributes, blanked)
       FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE referral.signup AS s
       SET visitor_id = NULL, fingerprints = '{}', attributes = '{}', blanked = true
      FROM whole
     WHERE s.user_id = whole.user_id
    RETURNING s.visitor_id, s.fingerprints, s.attributes, s.blanked
)
SELECT count(*) FROM changed WHERE blanked AND visitor_id IS NULL AND fingerprints = '{}' AND attributes = '{}';
