-- The limits that workspaces have of their own.

-- name: own_limits
-- The limits that the workspace of this name has of its own, by bucket; no row when there is no such workspace.
SELECT rate_limits FROM workspace WHERE name = %(workspace)s

-- name: set_limit
-- Gives the workspace of this name a limit of its own for a bucket. Gives no row when there is no such workspace.
UPDATE workspace
SET rate_limits = rate_limits || jsonb_build_object(%(bucket)s::text, %(limit)s::text)
WHERE name = %(workspace)s
RETURNING workspace_id

-- name: unset_limit
-- Takes its own limit for a bucket from the workspace of this name. Gives no row when there is no such workspace.
UPDATE workspace SET rate_limits = rate_limits - %(bucket)s::text WHERE name = %(workspace)s RETURNING workspace_id
