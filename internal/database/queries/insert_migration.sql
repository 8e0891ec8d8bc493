-- Records that migration $1 has run, in the transaction that ran it.
INSERT INTO referral.schema_migration (version_id, is_applied) VALUES ($1, true)
