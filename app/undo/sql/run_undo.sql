-- The undo of a run: accepted as a run, whose batches the relay makes in steps.

-- name: lock_run
-- Locks a run and returns its kind, label and state, and its last undo with the state of that.
SELECT
    run.kind, run.label, run.state, run.undone_by_run, run.undo_step AS step,
    (
        SELECT undo.state
        FROM run AS undo
        WHERE undo.workspace_id = %(workspace_id)s AND undo.id = run.undone_by_run
    ) AS undo_state,
    (
        SELECT progress.kinds
        FROM run_progress AS progress
        WHERE progress.workspace_id = %(workspace_id)s AND progress.run_id = run.id
    ) AS kinds
FROM run
WHERE run.workspace_id = %(workspace_id)s AND run.id = %(run_id)s
FOR UPDATE OF run

-- name: read_uncounted_kinds
-- Lists the kinds of jobs in batches that the relay has still to count.
SELECT DISTINCT job.kind
FROM batch
JOIN job ON job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
WHERE batch.workspace_id = %(workspace_id)s AND batch.run_id = %(run_id)s
    AND batch.run_state IS DISTINCT FROM 'settled'

-- name: find_merge
-- Returns a merge of the run, if there is one, and one that is not undone.
SELECT
    (
        SELECT job.id
        FROM batch
        JOIN job ON job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
        WHERE batch.workspace_id = %(workspace_id)s AND batch.run_id = %(run_id)s
            AND job.outcome IN ('merged', 'identified')
        LIMIT 1
    ) AS merged,
    (
        SELECT job.id
        FROM batch
        JOIN job ON job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
        WHERE batch.workspace_id = %(workspace_id)s AND batch.run_id = %(run_id)s
            AND job.outcome IN ('merged', 'identified') AND job.undone_at IS NULL
        LIMIT 1
    ) AS undoable

-- name: set_undo
-- Notes the undo of a run.
UPDATE run
SET undone_by_run = %(undo_id)s
WHERE workspace_id = %(workspace_id)s AND id = %(run_id)s

-- name: lock_unplanned_undo
-- Locks an undo that has batches to make, of a run or of many jobs, unless another relay makes them.
SELECT id, undoes_run, undo_step AS step, api_key_id, request_id
FROM run
WHERE workspace_id = %(workspace_id)s AND state = 'running' AND kind IN ('undo', 'bulk') AND undo_step IS NOT NULL
    AND undo_step ->> 'phase' IN ('collect', 'undo')
ORDER BY id
LIMIT 1 OFFSET %(nth)s
FOR UPDATE SKIP LOCKED

-- name: list_batches_after
-- Lists the ids of batches of a run, in their order.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND id > %(after)s
ORDER BY run_id, id
LIMIT %(limit)s

-- name: collect_merges
-- Adds the merges of batches to the list of an undo.
INSERT INTO run_undo_merge AS added (workspace_id, run_id, merged_at, job_id)
SELECT
    job.workspace_id, %(undo_id)s, coalesce(merge.merged_at, identify.identified_at, job.finished_at), job.id
FROM job
LEFT JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = job.id
LEFT JOIN identify_record AS identify ON identify.workspace_id = %(workspace_id)s AND identify.job_id = job.id
WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = ANY(%(batch_ids)s)
    AND job.outcome IN ('merged', 'identified') AND job.undone_at IS NULL
ON CONFLICT (workspace_id, run_id, merged_at, job_id) DO NOTHING
RETURNING job_id

-- name: latest_merges
-- Lists the merges that an undo has to undo next, the latest first.
SELECT job_id
FROM run_undo_merge
WHERE workspace_id = %(workspace_id)s AND run_id = %(undo_id)s
ORDER BY merged_at DESC, job_id DESC
LIMIT %(limit)s

-- name: drop_merges
-- Deletes merges whose undo has a job.
DELETE FROM run_undo_merge
WHERE workspace_id = %(workspace_id)s AND run_id = %(undo_id)s AND job_id = ANY(%(ids)s)

-- name: save_step
-- Saves where the next step of an undo begins.
UPDATE run
SET undo_step = %(step)s
WHERE workspace_id = %(workspace_id)s AND id = %(undo_id)s

-- name: end_steps
-- Closes an undo that has made all of its batches.
UPDATE run
SET undo_step = NULL, closed_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s AND id = %(undo_id)s
