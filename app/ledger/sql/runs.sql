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

-- name: count_undone
-- Counts the merges of runs that the latest undos of the workspace have undone. The index of states and outcomes lists
-- these undos in order, without those of the undos before.
SELECT batch.run_id, count(*) AS jobs
FROM (
    (
        SELECT undoes
        FROM job
        WHERE workspace_id = %(workspace_id)s AND state = 'finished' AND outcome = 'undone'
        ORDER BY id DESC
        LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT undoes
        FROM job
        WHERE workspace_id = %(workspace_id)s AND state = 'finished' AND outcome = 'undone_in_part'
        ORDER BY id DESC
        LIMIT %(most)s
    )
) AS undo
CROSS JOIN LATERAL (
    SELECT merged.batch_id
    FROM job AS merged
    WHERE merged.workspace_id = %(workspace_id)s AND merged.id = undo.undoes
    OFFSET 0
) AS merged
CROSS JOIN LATERAL (
    SELECT of_run.run_id
    FROM batch AS of_run
    WHERE of_run.workspace_id = %(workspace_id)s AND of_run.id = merged.batch_id
    OFFSET 0
) AS batch
WHERE batch.run_id = ANY(%(run_ids)s::uuid [])
GROUP BY batch.run_id
