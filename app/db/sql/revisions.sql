-- Which revision the schema is at.

-- name: revision
-- The revision that the last migration left behind.
SELECT version_num AS revision FROM alembic_version
