-- What keeps workspaces apart in the database.

-- name: open_tables
-- Tables of ours whose rows belong to workspaces and that lack row-level security or its policy.
SELECT pg_class.relname AS name
FROM pg_class
JOIN pg_attribute ON pg_attribute.attrelid = pg_class.oid AND pg_attribute.attname = 'workspace_id'
WHERE pg_class.relkind IN ('r', 'p')
    AND pg_class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('job'))
    AND pg_class.relowner = (SELECT relowner FROM pg_class WHERE oid = to_regclass('job'))
    AND NOT (
        pg_class.relrowsecurity
        AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'own_workspace')
    )
ORDER BY pg_class.relname

-- name: in_force
-- Whether this connection works as the role, and row-level security holds for it.
SELECT current_user AS me, current_user = %(role)s AND row_security_active('job') AS in_force
