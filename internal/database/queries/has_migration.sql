-- Whether migration $1 has run. Uses the unique index on version_id.
SELECT EXISTS (SELECT FROM referral.schema_migration WHERE version_id = $1)
