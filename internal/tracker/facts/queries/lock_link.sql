-- Who holds this makes the link, and who waited finds it. It ends with the
-- transaction, and needs no row to exist.
SELECT pg_advisory_xact_lock(hashtextextended(jsonb_build_array('referral.link', $1::text, $2::text, $3::text, $4::text)::text, 0));
