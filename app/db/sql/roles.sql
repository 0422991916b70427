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
