-- Queries of `mergelane doctor` about the settings of a session.

-- name: read_settings
-- Lists settings with their values in PostgreSQL's notation; NULL for one that was never set.
SELECT name, current_setting(name, true) AS value
FROM unnest(%(names)s::text[]) AS needed (name)

-- name: session
-- Reads the user that logged in, and which triggers run in its sessions.
SELECT session_user AS login, current_setting('session_replication_role') AS replication_role
