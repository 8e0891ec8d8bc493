-- Records that a migration ran, in the transaction that ran it.
INSERT INTO referral.schema_migration (version_id, is_applied) VALUES ($1, true)
