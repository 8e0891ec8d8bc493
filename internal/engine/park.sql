-- Remembers referees until their campaign is open again.
-- Rides on parked_pkey.
INSERT INTO referral.parked (campaign, user_id)
SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT DO NOTHING;
