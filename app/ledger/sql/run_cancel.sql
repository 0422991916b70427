-- Cancelled runs.

-- name: lock_run
-- Locks a run: waits for requests that join it at this moment, and for a step of its undo.
SELECT kind, state, undo_step AS step
FROM run
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
FOR UPDATE

-- name: read_kinds
-- Lists the kinds of the jobs of a run: of the counted batches from its progress, of the others from their jobs.
SELECT unnest(progress.kinds) AS kind
FROM run_progress AS progress
WHERE progress.workspace_id = %(workspace_id)s AND progress.run_id = %(id)s
UNION
SELECT job.kind
FROM batch
JOIN job ON job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
WHERE batch.workspace_id = %(workspace_id)s AND batch.run_id = %(id)s
    AND batch.run_state IS NULL AND batch.run_state IS DISTINCT FROM 'settled'
UNION
SELECT undo.kind
FROM run AS undo
WHERE undo.workspace_id = %(workspace_id)s AND undo.id = %(id)s AND undo.kind = 'undo'

-- name: end_scan
-- Ends the scan of a run over duplicates, after its current step.
UPDATE duplicate_run
SET state = 'cancelled', finished_at = statement_timestamp(), cursor = '{}'
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'running'
RETURNING id

-- name: find_cancellation
-- Finds the cancellation of a run whose jobs have still to get their outcome.
SELECT id
FROM queue_cancellation
WHERE workspace_id = %(workspace_id)s AND run_id = %(id)s
LIMIT 1

-- name: cancel_run
-- Closes a run whose jobs are cancelled. A closed one keeps its time. It has ended when the relay has counted its jobs.
UPDATE run
SET
    state = 'running',
    closed_at = coalesce(closed_at, moment.now),
    finished_at = NULL,
    cancelled_at = moment.now,
    undo_step = NULL
FROM (SELECT statement_timestamp() AS now OFFSET 0) AS moment
WHERE run.workspace_id = %(workspace_id)s AND run.id = %(id)s

-- name: drop_undo_merges
-- Deletes the merges that a cancelled undo has still to undo.
DELETE FROM run_undo_merge WHERE workspace_id = %(workspace_id)s AND run_id = %(id)s
