-- Duplicate runs.

-- name: workspaces_with_duplicates_to_merge
-- Lists the workspaces that have a running run, or a daily run that is due.
SELECT workspace_id FROM workspaces_with_duplicates_to_merge()

-- name: start_run
-- Starts a run, unless one is running.
INSERT INTO duplicate_run (
    workspace_id, id, trigger, api_key_id, identifier, resolve_ties_by, prefer, cursor, counts, plan_id
)
VALUES (
    %(workspace_id)s, %(id)s, %(trigger)s, %(api_key_id)s, %(identifier)s, %(resolve_ties_by)s, %(prefer)s,
    %(cursor)s, %(counts)s, %(plan_id)s
)
ON CONFLICT (workspace_id) WHERE state = 'running' DO NOTHING
RETURNING id

-- name: read_run
-- Reads a run.
SELECT id, trigger, identifier, resolve_ties_by, prefer, state, created_at, finished_at, counts, plan_id
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: find_running_run
-- Returns the id of the running run.
SELECT id FROM duplicate_run WHERE workspace_id = %(workspace_id)s AND state = 'running'

-- name: list_runs
-- Lists a page of runs, newest first.
SELECT id, trigger, identifier, resolve_ties_by, prefer, state, created_at, finished_at, counts, plan_id
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: cancel_run
-- Cancels a running run, after its current step.
UPDATE duplicate_run
SET state = 'cancelled', finished_at = statement_timestamp(), cursor = '{}'
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'running'
RETURNING id

-- name: fail_run
-- Marks the running run as failed and clears its cursor, which contains the address of a person.
UPDATE duplicate_run
SET state = 'failed', finished_at = statement_timestamp(), cursor = '{}'
WHERE workspace_id = %(workspace_id)s AND state = 'running'

-- name: lock_running_run
-- Locks the running run, unless it is planned or another relay advances it.
SELECT id, trigger, api_key_id, identifier, resolve_ties_by, prefer, cursor, counts
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND state = 'running' AND plan_id IS NULL
FOR UPDATE SKIP LOCKED

-- name: read_planned_run
-- Reads the running run if it is planned, with the number of updates of its plan; null if that is not open.
SELECT
    scan.id, scan.plan_id, scan.identifier, scan.resolve_ties_by, scan.prefer, scan.cursor, scan.counts,
    plan.updates AS first
FROM duplicate_run AS scan
LEFT JOIN plan
    ON plan.workspace_id = %(workspace_id)s AND plan.id = scan.plan_id
    AND plan.state = 'open' AND plan.expires_at > now()
WHERE scan.workspace_id = %(workspace_id)s AND scan.state = 'running' AND scan.plan_id IS NOT NULL

-- name: lock_planned_run
-- Locks a planned run, unless it has ended or another relay has taken a step or takes one.
SELECT id
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'running' AND cursor = %(cursor)s
FOR UPDATE SKIP LOCKED

-- name: save_run
-- Saves the counts and the cursor of a step; a run without a next step is finished.
UPDATE duplicate_run
SET
    cursor = %(cursor)s,
    counts = %(counts)s,
    state = CASE WHEN %(finished)s THEN 'finished' ELSE 'running' END,
    finished_at = CASE WHEN %(finished)s THEN moment.now END
FROM (SELECT statement_timestamp() AS now OFFSET 0) AS moment
WHERE duplicate_run.workspace_id = %(workspace_id)s AND duplicate_run.id = %(id)s
