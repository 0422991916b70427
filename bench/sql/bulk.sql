-- name: list_indexes
-- The indexes of profile that no constraint needs, and how each is made again.
SELECT index.relname AS name, pg_get_indexdef(index.oid) AS definition
FROM pg_index
JOIN pg_class AS index ON index.oid = pg_index.indexrelid
WHERE pg_index.indrelid = 'profile'::regclass
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = index.oid)
ORDER BY name

-- name: list_constraints
-- The unique constraints of profile beside its key, and how each is made again.
SELECT conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE conrelid = 'profile'::regclass AND contype = 'u'
ORDER BY name
