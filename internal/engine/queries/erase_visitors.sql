-- Reads at most $2 visitors of the user $1 whose touches are not all moved.
-- Uses erasing_visitor_pkey.
SELECT visitor_id, listed, settled FROM referral.erasing_visitor WHERE user_id = $1 AND NOT moved ORDER BY visitor_id LIMIT $2;
