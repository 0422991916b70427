-- The clock of the server.

-- name: now
-- Returns the clock of the server that has the workspace, which all processes share.
SELECT clock_timestamp() AS now FROM workspace_home WHERE workspace_id = %(workspace_id)s

-- name: read_clock
-- Returns the clock of the server that this session is connected to.
SELECT clock_timestamp() AS now
