-- The rights of the role mergelane_app and of PUBLIC, and how they differ from what they should be.

-- name: differences
-- Lists each difference as the statement that corrects it. A right of other roles is no difference: `rights_of_others`.
WITH listed_table AS (
    SELECT listed.name, listed.privileges FROM jsonb_to_recordset(%(tables)s) AS listed (name text, privileges text[])
),

listed_column AS (
    SELECT listed.table_name, listed.name, listed.privilege
    FROM jsonb_to_recordset(%(columns)s) AS listed (table_name text, name text, privilege text)
),

listed_function (signature) AS (SELECT unnest(%(functions)s::text[])),

-- A grantee of 0 is PUBLIC.
grantee (oid, name) AS (VALUES (0::oid, 'PUBLIC'), (to_regrole(%(role)s)::oid, %(role)s)),

expected (grantee, target, privilege) AS (
    SELECT %(role)s, format('TABLE %%I', listed.name), privilege
    FROM listed_table AS listed
    CROSS JOIN unnest(listed.privileges) AS privilege
    UNION ALL
    SELECT %(role)s, format('TABLE %%I', listed.table_name), format('%%s (%%I)', listed.privilege, listed.name)
    FROM listed_column AS listed
    UNION ALL
    SELECT %(role)s, 'FUNCTION ' || to_regprocedure(listed.signature)::text, 'EXECUTE'
    FROM listed_function AS listed
    WHERE to_regprocedure(listed.signature) IS NOT NULL
),

granted (target, suffix, acl) AS (
    SELECT format('TABLE %%I', relation.relname), '', coalesce(relation.relacl, acldefault('r', relation.relowner))
    FROM listed_table AS listed
    JOIN pg_class AS relation ON relation.oid = to_regclass(quote_ident(listed.name))
    UNION ALL
    SELECT format('TABLE %%I', listed.name), format(' (%%I)', attribute.attname), attribute.attacl
    FROM listed_table AS listed
    JOIN pg_attribute AS attribute ON attribute.attrelid = to_regclass(quote_ident(listed.name))
    WHERE attribute.attacl IS NOT NULL
    UNION ALL
    SELECT 'FUNCTION ' || routine.oid::regprocedure::text, '', coalesce(routine.proacl, acldefault('f', routine.proowner))
    FROM listed_function AS listed
    JOIN pg_proc AS routine ON routine.oid = to_regprocedure(listed.signature)
),

actual (grantee, target, privilege) AS (
    SELECT DISTINCT grantee.name, granted.target, entry.privilege_type || granted.suffix
    FROM granted
    CROSS JOIN aclexplode(granted.acl) AS entry
    JOIN grantee ON grantee.oid = entry.grantee
)

SELECT
    CASE
        WHEN expected.target IS NULL
            THEN format('REVOKE %%s ON %%s FROM %%s', actual.privilege, actual.target, actual.grantee)
        ELSE format('GRANT %%s ON %%s TO %%s', expected.privilege, expected.target, expected.grantee)
    END AS statement
FROM expected
FULL JOIN actual USING (grantee, target, privilege)
WHERE expected.target IS NULL OR actual.target IS NULL
ORDER BY statement

-- name: rights_of_others
-- Lists roles other than the owner, PUBLIC and the role of the processes with rights on the tables and on the functions
-- that run with the owner's rights, each with the rights and one object as an example.
WITH ledger AS (SELECT relnamespace, relowner FROM pg_class WHERE oid = to_regclass('job')),

granted (name, acl) AS (
    SELECT relation.oid::regclass::text, relation.relacl
    FROM pg_class AS relation
    JOIN ledger USING (relnamespace, relowner)
    UNION ALL
    SELECT routine.oid::regprocedure::text, routine.proacl
    FROM pg_proc AS routine
    JOIN ledger ON routine.pronamespace = ledger.relnamespace AND routine.proowner = ledger.relowner
    WHERE routine.prosecdef
)

SELECT
    pg_roles.rolname AS name,
    array_agg(DISTINCT entry.privilege_type ORDER BY entry.privilege_type) AS privileges,
    min(granted.name) AS example
FROM granted
CROSS JOIN aclexplode(granted.acl) AS entry
JOIN pg_roles ON pg_roles.oid = entry.grantee
WHERE pg_roles.rolname <> %(role)s AND entry.grantee <> (SELECT relowner FROM ledger)
GROUP BY pg_roles.rolname
ORDER BY pg_roles.rolname

-- name: foreign_owners
-- Lists the tables, views and functions that another role owns than the table job.
WITH ledger AS (SELECT relnamespace, relowner FROM pg_class WHERE oid = to_regclass('job')),

owned (name, schema_id, owner_id) AS (
    SELECT oid::regclass::text, relnamespace, relowner
    FROM pg_class
    WHERE relname = ANY(%(names)s) AND relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT oid::regprocedure::text, pronamespace, proowner
    FROM pg_proc
    WHERE oid IN (SELECT to_regprocedure(signature) FROM unnest(%(functions)s::text[]) AS signature)
)

SELECT owned.name
FROM owned
JOIN ledger ON ledger.relnamespace = owned.schema_id AND ledger.relowner <> owned.owner_id
ORDER BY owned.name
