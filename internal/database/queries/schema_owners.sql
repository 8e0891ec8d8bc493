-- What exists of schema $1 before its first migration: a row for the schema, and then one for its
-- table of migrations, with the owner, and whether the user trusts the owner: it is a superuser, or
-- the user has its rights. A superuser has everybody's, so such a user trusts itself and superusers
-- only. Reads the catalog, so it needs no rights. Uses pg_namespace_nspname_index,
-- pg_class_relname_nsp_index and pg_authid_oid_index.
WITH namespace AS (
    SELECT oid, nspowner FROM pg_catalog.pg_namespace WHERE nspname = $1
), object (kind, owner) AS (
    SELECT 'SCHEMA', nspowner FROM namespace
    UNION ALL
    SELECT 'TABLE', relowner FROM pg_catalog.pg_class
     WHERE relname = 'schema_migration' AND relnamespace = (SELECT oid FROM namespace)
)
SELECT o.kind, r.rolname, r.rolsuper OR NOT u.rolsuper AND pg_catalog.pg_has_role(u.oid, r.oid, 'USAGE') AS trusted
  FROM object AS o
  JOIN pg_catalog.pg_roles AS r ON r.oid = o.owner
 CROSS JOIN (SELECT oid, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS u
 ORDER BY o.kind -- SCHEMA before TABLE
