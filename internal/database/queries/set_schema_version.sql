-- The version is that of the newest migration, in the migration's transaction.
-- The epoch makes batches that began before roll back.
UPDATE referral.meta SET schema_version = $1, epoch = epoch + 1 WHERE schema_version < $1
