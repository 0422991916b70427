-- Queued, running and dead jobs, and plans, for metrics.

-- name: count_jobs_by_workspace
-- Counts the unfinished and the dead jobs of each workspace; the workspace whose oldest job has waited longest is first,
-- and workspaces without such jobs are last.
SELECT workspace_id, workspaces, oldest_s, queued, running, dead
FROM count_jobs_by_workspace(%(limit)s, %(bound)s)

-- name: count_plans
-- Counts the plans of all workspaces by state.
SELECT state, plans FROM count_plans()
