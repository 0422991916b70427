-- The revision of the schema.

-- name: read_revision
-- Returns the revision of the last migration.
SELECT version_num AS revision FROM alembic_version
