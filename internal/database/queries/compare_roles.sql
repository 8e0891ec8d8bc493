-- The listed roles that do not exist, and whether table role_grant differs from the list.
-- $1 writers, $2 readers. Uses pg_authid_rolname_index.
WITH listed (role, access) AS (
    SELECT unnest($1::text[]), 'Writer' UNION SELECT unnest($2::text[]), 'Reader'
), present AS (
    SELECT l.role, l.access FROM listed AS l JOIN pg_catalog.pg_roles AS r ON r.rolname = l.role
)
SELECT coalesce((SELECT array_agg(DISTINCT role ORDER BY role) FROM listed
                  WHERE role NOT IN (SELECT role FROM present)), '{}') AS missing,
       EXISTS (SELECT FROM (SELECT role, access FROM present EXCEPT SELECT role, access FROM referral.role_grant) AS more)
    OR EXISTS (SELECT FROM (SELECT role, access FROM referral.role_grant EXCEPT SELECT role, access FROM present) AS less) AS differs
