-- The installation, which has one row.

-- name: read_installation
-- Returns its id, the number of this database on its server, and whether this role may read the server's identifier.
SELECT
    installation.id,
    pg_database.oid::bigint AS database,
    has_function_privilege('pg_control_system()', 'EXECUTE') AS sees_server
FROM installation
CROSS JOIN pg_database
WHERE pg_database.datname = current_database()

-- name: read_server
-- Returns the identifier that the server got when it was created. Its standbys have the same.
SELECT system_identifier FROM pg_control_system()

-- name: renew_installation
-- Gives the installation another id.
UPDATE installation SET id = %(id)s
