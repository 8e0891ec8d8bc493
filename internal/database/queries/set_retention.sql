-- Sets how long touches are kept, in microseconds, $1; null: for ever. A pass is due.
UPDATE referral.retention SET touches = $1::bigint, due_at = now(), visitor_id = '', touch_id = ''
