-- name: backend
-- Returns the process id of the server's side of this connection.
SELECT pg_backend_pid() AS pid

-- name: settings
-- Compares settings of this connection with the values that it was opened with; changes none beyond this statement.
SELECT opened.name, current_setting(opened.name, TRUE) AS actual, set_config(opened.name, opened.value, TRUE) AS expected
FROM unnest(%(names)s::text[], %(values)s::text[]) AS opened (name, value)
