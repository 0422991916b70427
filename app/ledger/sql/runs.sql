-- Runs: created, read, listed and closed.

-- name: insert_run
-- Inserts a run.
INSERT INTO run (
    workspace_id, id, kind, label, state, api_key_id, request_id, undoes_run, undo_step, priority, max_failures,
    max_failures_percent
)
VALUES (
    %(workspace_id)s, %(id)s, %(kind)s, %(label)s, %(state)s, %(api_key_id)s, %(request_id)s, %(undoes_run)s,
    %(step)s, %(priority)s, %(max_failures)s, %(max_failures_percent)s
)

-- name: insert_progress
-- Inserts the progress of a run without batches.
INSERT INTO run_progress (workspace_id, run_id)
VALUES (%(workspace_id)s, %(id)s)

-- name: read_runs
-- Reads these runs with their progress, newest first.
SELECT
    run.id, run.kind, run.label, run.state, run.created_at, run.api_key_id, key.label AS key_label, run.closed_at,
    run.finished_at, run.cancelled_at, run.undoes_run, run.undone_by_run, run.undo_step AS step, run.results,
    run.priority, run.max_failures, run.max_failures_percent, pause.paused_at, pause.reason AS paused_reason,
    progress.batches, progress.settled_batches,
    progress.counts, progress.first_ended_at, progress.last_ended_at, progress.samples, clock_timestamp() AS now
FROM run
JOIN run_progress AS progress ON progress.workspace_id = %(workspace_id)s AND progress.run_id = run.id
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = run.api_key_id
LEFT JOIN run_pause AS pause
    ON pause.workspace_id = %(workspace_id)s AND pause.run_id = run.id AND pause.resumed_at IS NULL
WHERE run.workspace_id = %(workspace_id)s AND run.id = ANY(%(ids)s::uuid [])
ORDER BY run.id DESC

-- name: read_state
-- Returns the kind and the state of a run.
SELECT kind, state FROM run WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: close_run
-- Closes an open run: it gets no further batch. Waits for requests that join it at this moment.
UPDATE run
SET state = 'running', closed_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'open'
RETURNING id

-- name: find_unfinished_batch
-- Returns a batch of the run with an unfinished job. Batches with lower ids than *since* are left out.
SELECT batch.id
FROM batch
CROSS JOIN LATERAL (
    SELECT job.id
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
        AND (job.state IN ('queued', 'running')) IS TRUE
    LIMIT 1
) AS unfinished
WHERE batch.workspace_id = %(workspace_id)s AND batch.run_id = %(run_id)s AND batch.id >= %(since)s
    AND batch.run_state IS DISTINCT FROM 'settled'
LIMIT 1

-- name: add_results
-- Adds lines by their result to an open import.
UPDATE run
SET results = results || (
    SELECT jsonb_object_agg(given.result, given.lines + coalesce((run.results ->> given.result)::integer, 0))
    FROM unnest(%(results)s::text[], %(lines)s::integer[]) AS given (result, lines)
)
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'open' AND kind = 'import'
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
