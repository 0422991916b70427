-- Rate limits of single workspaces.

-- name: read_rate_limits
-- Returns the limits of a workspace by bucket; no row when there is no such workspace.
SELECT rate_limits FROM workspace WHERE name = %(workspace)s

-- name: set_rate_limit
-- Sets the limit of a workspace for a bucket; returns no row when there is no such workspace.
UPDATE workspace
SET rate_limits = rate_limits || jsonb_build_object(%(bucket)s::text, %(limit)s::text)
WHERE name = %(workspace)s
RETURNING workspace_id

-- name: delete_rate_limit
-- Removes the limit of a workspace for a bucket; returns no row when there is no such workspace.
UPDATE workspace SET rate_limits = rate_limits - %(bucket)s::text WHERE name = %(workspace)s RETURNING workspace_id
