-- The revision of the schema.

-- name: read_revision
-- Returns the revision of the last migration.
SELECT version_num AS revision FROM alembic_version

-- name: find_other_schema
-- Returns the schema with Mergelane's tables that the search_path of this database or user names, besides the current
-- one. Until revision 0027 that setting decided.
SELECT namespace.nspname AS name
FROM pg_db_role_setting AS setting
CROSS JOIN unnest(setting.setconfig) AS assignment
JOIN pg_namespace AS namespace
    ON namespace.nspname = ANY(string_to_array(regexp_replace(split_part(assignment, '=', 2), '[" ]', '', 'g'), ','))
WHERE assignment LIKE 'search_path=%'
    AND setting.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND setting.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
    AND namespace.nspname <> current_schema()
    AND to_regclass(format('%I.merge_record', namespace.nspname)) IS NOT NULL
LIMIT 1
