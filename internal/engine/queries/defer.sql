-- Defers referees until their campaign is open again.
-- Uses deferred_pkey.
INSERT INTO referral.deferred (campaign, user_id)
SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT DO NOTHING;
