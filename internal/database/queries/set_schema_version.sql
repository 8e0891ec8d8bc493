-- Records the version of the newest migration, in its transaction. The new epoch rolls back batches
-- that began before.
UPDATE referral.meta SET schema_version = $1, epoch = epoch + 1 WHERE schema_version < $1
