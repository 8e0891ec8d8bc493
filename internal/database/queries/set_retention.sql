-- Sets how long touches are kept, in microseconds, $1; null: for ever. Another value makes a pass
-- due. $2 is the owner's UID; nothing is written under another owner. Uses retention_pkey.
UPDATE referral.retention SET touches = $1::bigint, due_at = now(), visitor_id = '', touch_id = ''
 WHERE touches IS DISTINCT FROM $1::bigint
   AND EXISTS (SELECT FROM referral.owner WHERE uid = $2::text AND released_at IS NULL)
