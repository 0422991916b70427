-- The database role of the processes.

-- name: read_role
-- Returns whether the role exists, whether this user may use it, whether it may read the ledger, and whether it is
-- exempt from row-level security.
SELECT
    current_user AS me,
    role.oid IS NOT NULL AS present,
    coalesce(pg_has_role(current_user, role.oid, 'SET'), false) AS mine,
    coalesce(has_table_privilege(role.oid, to_regclass('job'), 'SELECT'), false) AS granted,
    coalesce(role.rolsuper OR role.rolbypassrls OR pg_has_role(role.oid, job.relowner, 'MEMBER'), false) AS exempt
FROM (VALUES (1)) AS always (present)
LEFT JOIN pg_roles AS role ON role.rolname = %(role)s
LEFT JOIN pg_class AS job ON job.oid = to_regclass('job')

-- name: read_rights
-- Returns what this user may do of what a migration needs; names are quoted.
SELECT
    quote_ident(current_user) AS me,
    quote_ident(current_schema()) AS schema,
    role.oid IS NOT NULL AS role_exists,
    me.rolsuper OR me.rolcreaterole AS may_create_role,
    coalesce(pg_has_role(current_user, role.oid, 'SET'), false) AS may_set_role,
    coalesce(pg_has_role(current_user, role.oid, 'MEMBER WITH ADMIN OPTION'), false) AS may_grant_role,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create_tables,
    coalesce(
        has_schema_privilege(current_schema(), 'USAGE WITH GRANT OPTION')
        OR has_schema_privilege('public', current_schema(), 'USAGE')
        OR has_schema_privilege(role.oid, current_schema(), 'USAGE'),
        false
    ) AS schema_usable,
    coalesce(pg_has_role(current_user, revision.relowner, 'USAGE'), true) AS owns_tables,
    quote_ident(pg_get_userbyid(revision.relowner)) AS owner
FROM pg_roles AS me
LEFT JOIN pg_roles AS role ON role.rolname = %(role)s
LEFT JOIN pg_class AS revision ON revision.oid = to_regclass('alembic_version')
WHERE me.rolname = current_user
