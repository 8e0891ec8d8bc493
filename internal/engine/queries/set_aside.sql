-- Records referees that cannot be decided, with the cause and the number of attempts.
-- Uses set_aside_pkey.
INSERT INTO referral.set_aside AS s (user_id, cause)
SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (user_id) DO UPDATE SET cause = excluded.cause, attempts = s.attempts + 1;
