-- What there is of the schema before its first migration. Rides on the
-- catalog's own indexes; works where nothing has been granted yet.
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1) AS has_schema,
       EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = 'schema_migration') AS has_table
