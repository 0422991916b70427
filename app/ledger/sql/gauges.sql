-- What waits, runs and is dead, for those who measure.

-- name: measured_workspaces
-- Counts the unfinished and the dead jobs of each workspace; those first whose oldest job has waited longest.
SELECT workspace_id, workspaces, oldest_s, queued, running, dead
FROM measured_workspaces(%(most)s, %(bound)s)
