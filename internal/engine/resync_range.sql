-- The last user_id of a range with about $2 referees after $1; null: the rest of
-- them all. Rides on signup_pkey, attribution_pkey and pair_pkey.
SELECT least((SELECT user_id FROM referral.signup WHERE user_id > $1 ORDER BY user_id OFFSET $2 LIMIT 1),
             (SELECT user_id FROM referral.attribution WHERE user_id > $1 ORDER BY user_id OFFSET $2 LIMIT 1),
             (SELECT user_id FROM referral.pair WHERE user_id > $1 ORDER BY user_id OFFSET $2 LIMIT 1));
