-- Reads in which campaigns a user ($1) has pairs that may keep the attribution: those that wait, and
-- those that were admitted. Uses pair_pkey.
SELECT DISTINCT campaign, state, least(ordinal, 1)
  FROM referral.pair
 WHERE user_id = $1 AND (state IN ('Waiting', 'Held', 'Granted') OR ordinal > 0)
