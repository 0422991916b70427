-- Queries of `mergelane doctor` about the isolation of workspaces.

-- name: open_tables
-- Lists tables with a workspace_id that lack row-level security, or that have other policies than the one of each table.
SELECT pg_class.relname AS name
FROM pg_class
JOIN pg_attribute ON pg_attribute.attrelid = pg_class.oid AND pg_attribute.attname = 'workspace_id'
WHERE pg_class.relkind IN ('r', 'p')
    AND pg_class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('job'))
    AND pg_class.relowner = (SELECT relowner FROM pg_class WHERE oid = to_regclass('job'))
    AND NOT (
        pg_class.relrowsecurity
        AND (
            SELECT count(*) = 1 AND bool_and(
                policy.polname = 'own_workspace' AND policy.polpermissive AND policy.polcmd = '*'
                AND policy.polroles = '{0}' AND policy.polwithcheck IS NULL
                -- The server may be set to quote all identifiers.
                AND replace(pg_get_expr(policy.polqual, policy.polrelid), '"', '')
                    = '(workspace_id = current_workspace())'
            )
            FROM pg_policy AS policy
            WHERE policy.polrelid = pg_class.oid
        )
    )
ORDER BY pg_class.relname

-- name: silent_triggers
-- Lists tables with a trigger that does not fire: the audit and foreign keys are protected by triggers.
SELECT DISTINCT pg_trigger.tgrelid::regclass::text AS name
FROM pg_trigger
JOIN pg_class ON pg_class.oid = pg_trigger.tgrelid
WHERE pg_trigger.tgenabled NOT IN ('O', 'A')
    AND pg_class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('job'))
    AND pg_class.relowner = (SELECT relowner FROM pg_class WHERE oid = to_regclass('job'))
ORDER BY name

-- name: open_schema
-- Returns the schema of the tables if PUBLIC or the role of the processes may create objects in it.
SELECT nspname AS name
FROM pg_namespace
CROSS JOIN aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS entry
WHERE pg_namespace.oid = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('job'))
    AND entry.privilege_type = 'CREATE'
    AND (entry.grantee = 0 OR entry.grantee = to_regrole(%(role)s))
LIMIT 1

-- name: powers
-- Lists what the role of the processes may do beyond its rights on the tables: other roles that it belongs to, and
-- attributes.
SELECT 'member of ' || pg_roles.rolname AS name, format('REVOKE %%I FROM %%I', pg_roles.rolname, %(role)s::text) AS remedy
FROM pg_auth_members
JOIN pg_roles ON pg_roles.oid = pg_auth_members.roleid
WHERE pg_auth_members.member = to_regrole(%(role)s)
UNION ALL
SELECT attribute.name, format('ALTER ROLE %%I NO%%s', %(role)s::text, attribute.name)
FROM pg_roles
CROSS JOIN LATERAL (
    VALUES ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb), ('REPLICATION', rolreplication)
) AS attribute (name, is_set)
WHERE rolname = %(role)s AND attribute.is_set
ORDER BY name

-- name: in_force
-- Reads the user of this connection, and whether it is the role and row-level security applies to it.
SELECT current_user AS me, current_user = %(role)s AND row_security_active('job') AS in_force
