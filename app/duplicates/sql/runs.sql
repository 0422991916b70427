-- Runs over the duplicates of workspaces.

-- name: workspaces_with_duplicates_to_merge
-- Lists the workspaces that have a run under way, or whose daily run is due.
SELECT workspace_id FROM workspaces_with_duplicates_to_merge()

-- name: start_run
-- Begins a run, unless one is under way.
INSERT INTO duplicate_run (
    workspace_id, id, trigger, api_key_id, identifier, resolve_ties_by, prefer, position, counts
)
VALUES (
    %(workspace_id)s, %(id)s, %(trigger)s, %(api_key_id)s, %(identifier)s, %(resolve_ties_by)s, %(prefer)s,
    %(position)s, %(counts)s
)
ON CONFLICT (workspace_id) WHERE state = 'running' DO NOTHING
RETURNING id

-- name: read_run
-- Reads a run.
SELECT id, trigger, identifier, resolve_ties_by, prefer, state, created_at, finished_at, counts
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: run_under_way
-- Finds the run that is under way.
SELECT id FROM duplicate_run WHERE workspace_id = %(workspace_id)s AND state = 'running'

-- name: list_runs
-- A page of runs, newest first.
SELECT id, trigger, identifier, resolve_ties_by, prefer, state, created_at, finished_at, counts
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: cancel_run
-- Ends a run that is under way; a step that is being made ends first.
UPDATE duplicate_run
SET state = 'cancelled', finished_at = clock_timestamp(), position = '{}'
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'running'
RETURNING id

-- name: fail_run
-- Ends the run under way, which cannot go on; the address that it had reached is somebody's, and is not kept.
UPDATE duplicate_run
SET state = 'failed', finished_at = clock_timestamp(), position = '{}'
WHERE workspace_id = %(workspace_id)s AND state = 'running'

-- name: hold_run
-- Locks the run that is under way, unless another relay is taking a step of it.
SELECT id, trigger, api_key_id, identifier, resolve_ties_by, prefer, position, counts
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND state = 'running'
FOR UPDATE SKIP LOCKED

-- name: save_run
-- Notes what a step found and where the next goes on; a run without a next one is finished.
UPDATE duplicate_run
SET
    position = %(position)s,
    counts = %(counts)s,
    state = CASE WHEN %(finished)s THEN 'finished' ELSE 'running' END,
    finished_at = CASE WHEN %(finished)s THEN clock_timestamp() END
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
