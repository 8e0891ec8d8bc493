-- Deletes all rows of one history, which only a superuser can do.
SET LOCAL session_replication_role = replica;
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables
                 WHERE schemaname = 'referral' AND tablename NOT IN ('schema_migration', 'meta', 'owner', 'role_grant', 'shard', 'resync', 'retention') LOOP
        EXECUTE format('DELETE FROM referral.%I', name);
    END LOOP;
END $$;
DELETE FROM proof.writes; DELETE FROM proof.commits; DELETE FROM proof.refused;
UPDATE referral.meta SET attribution = 'LastTouch', suspended = false, epoch = epoch + 1;
UPDATE referral.owner SET generation = 0;
UPDATE referral.retention SET touches = NULL, visitor_id = '', touch_id = '', due_at = now();
UPDATE referral.resync SET began_at = NULL, resume_after = '', phase = 'Rows', next_at = now();
