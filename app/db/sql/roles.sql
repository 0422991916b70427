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
-- Returns what this user may do of what a migration needs; names are quoted. The schema is the first one of the
-- search_path that exists; current_schema() skips a schema that the user may not use.
SELECT
    quote_ident(current_user) AS me,
    quote_ident(place.nspname) AS schema,
    role.oid IS NOT NULL AS role_exists,
    me.rolsuper OR me.rolcreaterole AS may_create_role,
    coalesce(pg_has_role(current_user, role.oid, 'SET'), false) AS may_set_role,
    coalesce(pg_has_role(current_user, role.oid, 'MEMBER WITH ADMIN OPTION'), false) AS may_grant_role,
    coalesce(
        has_schema_privilege(place.oid, 'CREATE') AND has_schema_privilege(place.oid, 'USAGE'), false
    ) AS may_create_tables,
    coalesce(
        has_schema_privilege(place.oid, 'USAGE WITH GRANT OPTION')
        OR has_schema_privilege('public', place.oid, 'USAGE')
        OR has_schema_privilege(role.oid, place.oid, 'USAGE'),
        false
    ) AS schema_usable,
    coalesce(pg_has_role(current_user, revision.relowner, 'USAGE'), true) AS owns_tables,
    quote_ident(pg_get_userbyid(revision.relowner)) AS owner
FROM pg_roles AS me
LEFT JOIN pg_roles AS role ON role.rolname = %(role)s
LEFT JOIN pg_class AS revision ON revision.oid = to_regclass('alembic_version')
LEFT JOIN LATERAL (
    SELECT namespace.oid, namespace.nspname
    FROM unnest(string_to_array(current_setting('search_path'), ',')) WITH ORDINALITY AS path (name, position)
    JOIN pg_namespace AS namespace ON namespace.nspname
        = CASE trim(path.name) WHEN '"$user"' THEN current_user ELSE trim(BOTH '"' FROM trim(path.name)) END
    ORDER BY path.position
    LIMIT 1
) AS place ON true
WHERE me.rolname = current_user

-- name: read_login
-- Returns whether the login exists, whether it may use the processes' role, and whether it may do more.
SELECT
    login.oid IS NOT NULL AS present,
    coalesce(pg_has_role(login.oid, role.oid, 'SET'), false) AS member,
    coalesce(
        login.rolsuper OR login.rolbypassrls OR login.rolcreaterole OR pg_has_role(login.oid, job.relowner, 'MEMBER'),
        false
    ) AS exempt
FROM (VALUES (1)) AS always (present)
LEFT JOIN pg_roles AS login ON login.rolname = %(name)s
LEFT JOIN pg_roles AS role ON role.rolname = %(role)s
LEFT JOIN pg_class AS job ON job.oid = to_regclass('job')
