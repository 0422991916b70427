-- name: list_indexes
-- Lists the indexes of profile that belong to no constraint, with the statements that create them.
SELECT index.relname AS name, pg_get_indexdef(index.oid) AS definition
FROM pg_index
JOIN pg_class AS index ON index.oid = pg_index.indexrelid
WHERE pg_index.indrelid = 'profile'::regclass
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = index.oid)
ORDER BY name

-- name: list_constraints
-- Lists the unique constraints of profile except its primary key, with their definitions.
SELECT conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE conrelid = 'profile'::regclass AND contype = 'u'
ORDER BY name
