-- Records which roles were granted access, in table role_grant. $1 writers, $2 readers. Roles that
-- do not exist are left out.
WITH listed (role, access) AS (
    SELECT l.role, l.access
      FROM (SELECT unnest($1::text[]), 'Writer' UNION SELECT unnest($2::text[]), 'Reader') AS l (role, access)
      JOIN pg_catalog.pg_roles AS r ON r.rolname = l.role
), gone AS (
    DELETE FROM referral.role_grant WHERE (role, access) NOT IN (SELECT role, access FROM listed)
)
INSERT INTO referral.role_grant (role, access) SELECT role, access FROM listed ON CONFLICT DO NOTHING
