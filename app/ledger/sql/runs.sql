-- Runs: created, read, listed and closed.

-- name: insert_run
-- Inserts a run.
INSERT INTO run (workspace_id, id, kind, label, state, api_key_id, request_id, undoes_run, undo_step)
VALUES (
    %(workspace_id)s, %(id)s, %(kind)s, %(label)s, %(state)s, %(api_key_id)s, %(request_id)s, %(undoes_run)s,
    %(undo_step)s
)

-- name: insert_progress
-- Inserts the progress of a run without batches.
INSERT INTO run_progress (workspace_id, run_id)
VALUES (%(workspace_id)s, %(id)s)

-- name: read_runs
-- Reads these runs with their progress, newest first.
SELECT
    run.id, run.kind, run.label, run.state, run.created_at, run.api_key_id, key.label AS key_label, run.closed_at,
    run.finished_at, run.cancelled_at, run.undoes_run, run.undone_by_run, run.undo_step, run.results, progress.batches, progress.settled_batches,
    progress.counts, progress.first_ended_at, progress.last_ended_at, progress.samples, clock_timestamp() AS now
FROM run
JOIN run_progress AS progress ON progress.workspace_id = %(workspace_id)s AND progress.run_id = run.id
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = run.api_key_id
WHERE run.workspace_id = %(workspace_id)s AND run.id = ANY(%(ids)s::uuid [])
ORDER BY run.id DESC

-- name: list_runs
-- Lists the ids of a page of runs, newest first.
SELECT id
FROM run
WHERE workspace_id = %(workspace_id)s
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(key)s::uuid IS NULL OR api_key_id = %(key)s)
    AND id > %(low)s AND id < %(high)s
ORDER BY id DESC
LIMIT %(limit)s

-- name: read_state
-- Returns the state of a run.
SELECT state FROM run WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: close_run
-- Closes an open run: it gets no further batch. Waits for requests that join it at this moment.
UPDATE run
SET state = 'running', closed_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'open'
RETURNING id
