-- Reads what the engine has yet to decide about a user ($1): since when a change is pending, since
-- when the user is set aside, and whether reversals of the user are withheld.
-- Uses change_key, set_aside_pkey and withheld_user.
SELECT (SELECT min(enqueued_at) FROM referral.change WHERE kind = 'Referee' AND key = $1),
       (SELECT since FROM referral.set_aside WHERE user_id = $1),
       EXISTS (SELECT FROM referral.withheld WHERE user_id = $1)
