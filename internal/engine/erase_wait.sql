-- Puts the next step of the erasure of $1 off by $2 microseconds, or further while the campaign $3
-- is suspended. Uses erasing_pkey.
UPDATE referral.erasing
   SET retry_at = now() + $2 * interval '1 microsecond', campaign = nullif($3, '')
 WHERE user_id = $1;
