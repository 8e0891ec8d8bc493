-- The rights that must be granted or revoked: a row for each GRANT or REVOKE that is due.
-- $1 writers, $2 readers, $3 name of the schema. Reads only the catalog and role_grant. Finds tables
-- and functions by name: the catalog may describe a thousand schemas.
--
-- Functions are those that constraints, indexes, queries and other such functions call with the
-- rights of the role. They are granted where PUBLIC may not execute them, as it may by default.
-- Uses pg_class_relname_nsp_index, pg_attribute_relid_attnum_index and
-- pg_proc_proname_args_nsp_index.
WITH privilege (access, object, privilege, by_column) AS (
    SELECT access, object, 'SELECT', false
      FROM unnest(ARRAY['Writer', 'Reader']) AS access,
           unnest(ARRAY['link', 'touch', 'signup', 'purchase', 'refund', 'override', 'adjustment',
                        'action', 'redemption', 'erasure', 'attribution', 'pair', 'credit', 'ledger', 'balance', 'set_aside',
                        'erasure_progress', 'shared_fingerprint',
                        'link_count', 'link_count_change', 'campaign', 'revision', 'rollout', 'meta', 'owner',
                        'waitlist', 'referrer', 'credit_count']) AS object
    UNION ALL
    SELECT 'Writer', object, privilege, privilege <> 'DELETE'
      FROM unnest(ARRAY['link', 'touch', 'signup', 'purchase', 'refund', 'override']) AS object,
           unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS privilege
    UNION ALL
    SELECT 'Writer', object, 'INSERT', true FROM unnest(ARRAY['adjustment', 'action', 'redemption', 'erasure']) AS object
    UNION ALL
    SELECT access, object, 'EXECUTE', false
      FROM unnest(ARRAY['Writer', 'Reader']) AS access,
           unnest(ARRAY['normal_code', 'shard_of', 'may_attribute', 'deciding_touch', 'rolling_out', 'pending_up_to',
                        'hash_of_link', 'hash_of_override', 'hash_of_purchase', 'hash_of_refund', 'hash_of_signup', 'hash_of_touch',
                        'checksum_of_attribution', 'checksum_of_credit', 'checksum_of_entry', 'checksum_of_pair', 'checksum_of_waiting']) AS object
    UNION ALL
    SELECT 'Writer', 'erase_user', 'EXECUTE', false
), object AS (
    SELECT c.oid, c.relname, c.relowner
      FROM pg_catalog.pg_class AS c
     WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $3)
       AND c.relname = ANY (ARRAY(SELECT DISTINCT object::name FROM privilege))
), target (access, object, attribute, privilege) AS ( -- object '': the schema; attribute '': the whole object
    SELECT access, '', '', 'USAGE' FROM unnest(ARRAY['Writer', 'Reader']) AS access
    UNION ALL
    SELECT access, object, '', privilege FROM privilege WHERE NOT by_column
    UNION ALL
    SELECT p.access, p.object, a.attname, p.privilege
      FROM privilege AS p
      JOIN object AS o ON o.relname = p.object
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE p.by_column AND a.attname <> ALL ('{arrived_at,blanked,condition_held}') -- only the database sets these
), held (role, object, attribute, privilege) AS (
    SELECT acl.grantee, '', '', acl.privilege_type
      FROM pg_catalog.pg_namespace AS n, pg_catalog.aclexplode(n.nspacl) AS acl WHERE n.nspname = $3
    UNION ALL
    SELECT acl.grantee, o.relname, '', acl.privilege_type
      FROM object AS o JOIN pg_catalog.pg_class AS c ON c.oid = o.oid, pg_catalog.aclexplode(c.relacl) AS acl
    UNION ALL
    SELECT acl.grantee, o.relname, a.attname, acl.privilege_type
      FROM object AS o JOIN pg_catalog.pg_attribute AS a ON a.attrelid = o.oid, pg_catalog.aclexplode(a.attacl) AS acl
    UNION ALL
    SELECT acl.grantee, p.proname, '', acl.privilege_type
      FROM pg_catalog.pg_proc AS p, pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS acl
     WHERE p.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $3)
       AND p.proname = ANY (ARRAY(SELECT DISTINCT object::name FROM privilege WHERE privilege = 'EXECUTE'))
), listed (role, access) AS (
    SELECT unnest($1::text[]), 'Writer' UNION SELECT unnest($2::text[]), 'Reader'
), grantee AS ( -- owners have every right; revoking one from them would revoke it from the operator
    SELECT r.oid, r.rolname FROM pg_catalog.pg_roles AS r
     WHERE r.oid NOT IN (SELECT relowner FROM object WHERE relname = 'meta'
                         UNION ALL SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = $3)
), wanted AS (
    SELECT g.oid, g.rolname, t.object, t.attribute, t.privilege
      FROM listed AS l JOIN grantee AS g ON g.rolname = l.role JOIN target AS t ON t.access = l.access
), given AS (
    SELECT g.oid, g.rolname, t.object, t.attribute, t.privilege
      FROM referral.role_grant AS l JOIN grantee AS g ON g.rolname = l.role JOIN target AS t ON t.access = l.access
), due (action, role, object, attribute, privilege) AS (
    SELECT 'GRANT', w.rolname, w.object, w.attribute, w.privilege FROM wanted AS w
     WHERE NOT EXISTS (SELECT FROM held AS h WHERE (h.role, h.object, h.attribute, h.privilege) = (w.oid, w.object, w.attribute, w.privilege))
       AND NOT EXISTS (SELECT FROM held AS h WHERE w.privilege = 'EXECUTE' AND (h.role, h.object, h.privilege) = (0, w.object, w.privilege))
    UNION
    SELECT 'REVOKE', g.rolname, g.object, g.attribute, g.privilege FROM given AS g
     WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE (w.oid, w.object, w.attribute, w.privilege) = (g.oid, g.object, g.attribute, g.privilege))
       AND EXISTS (SELECT FROM held AS h WHERE (h.role, h.object, h.attribute, h.privilege) = (g.oid, g.object, g.attribute, g.privilege))
)
SELECT action, role, object, privilege, array_agg(attribute ORDER BY attribute) FILTER (WHERE attribute <> '') AS attributes
  FROM due
 GROUP BY action, role, object, privilege, attribute <> ''
 ORDER BY action DESC, role, object, privilege
