-- name: backend
-- Returns the process id of the server's side of this connection.
SELECT pg_backend_pid() AS pid

-- name: setting
-- Reads a setting of this connection.
SELECT coalesce(current_setting(%(name)s, TRUE), '') AS value
