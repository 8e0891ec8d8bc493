-- How the user may become a superuser: 1 it is one, 2 it is a member of one, 3 it may create roles,
-- 4 it may use files or programs of the server; 0: not at all. Before Postgres 16 a role that
-- creates roles may grant itself the fourth way. Uses pg_auth_members_member_role_index.
SELECT coalesce(min(CASE WHEN r.rolsuper AND r.rolname = session_user THEN 1
                         WHEN r.rolsuper THEN 2
                         WHEN r.rolcreaterole THEN 3
                         ELSE 4 END), 0)
  FROM pg_roles AS r
 WHERE pg_has_role(session_user, r.oid, 'MEMBER')
   AND (r.rolsuper
        OR r.rolcreaterole AND current_setting('server_version_num')::integer < 160000
        OR r.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files'))
