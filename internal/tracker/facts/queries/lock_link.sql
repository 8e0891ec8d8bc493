-- Locks the creation of a link of one referrer, campaign, label and destination until the
-- transaction ends. An advisory lock, because there is no row yet. Uses no index.
SELECT pg_advisory_xact_lock(hashtextextended(jsonb_build_array('referral.link', $1::text, $2::text, $3::text, $4::text)::text, 0));
