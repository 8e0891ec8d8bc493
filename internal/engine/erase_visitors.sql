-- The visitors of a user that is being erased, at most $2 of them. Uses erasing_visitor_pkey.
SELECT visitor_id, listed, settled FROM referral.erasing_visitor WHERE user_id = $1 ORDER BY visitor_id LIMIT $2;
