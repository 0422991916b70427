-- Queries of `mergelane doctor` about the isolation of workspaces.

-- name: open_tables
-- Lists tables with a workspace_id that lack row-level security or its policy.
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
-- Reads the user of this connection, and whether it is the role and row-level security applies to it.
SELECT current_user AS me, current_user = %(role)s AND row_security_active('job') AS in_force
