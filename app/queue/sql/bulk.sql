-- Actions on many jobs, done by the relay in short steps as a run of kind bulk. Its list of jobs is in run_undo_merge.

-- name: read_kinds
-- Lists the kinds of jobs; of undos, the kinds of the jobs that they undo.
SELECT DISTINCT
    coalesce(
        (
            SELECT undone.kind
            FROM job AS undone
            WHERE undone.workspace_id = %(workspace_id)s AND undone.id = job.undoes
        ),
        job.kind
    ) AS kind
FROM job
WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(%(ids)s::uuid [])

-- name: add_jobs
-- Adds jobs to the list of a run, with the time by which an undo goes back.
INSERT INTO run_undo_merge (workspace_id, run_id, merged_at, job_id)
SELECT
    job.workspace_id, %(run_id)s,
    coalesce(merge.merged_at, identify.identified_at, job.finished_at, job.created_at), job.id
FROM job
LEFT JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = job.id
LEFT JOIN identify_record AS identify ON identify.workspace_id = %(workspace_id)s AND identify.job_id = job.id
WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(%(ids)s::uuid [])

-- name: lock_unfinished_bulk
-- Locks a run that has jobs to retry or to cancel, unless another relay has. Undos are made with those of runs.
SELECT id, undo_step, results, api_key_id
FROM run
WHERE workspace_id = %(workspace_id)s AND state = 'running' AND kind = 'bulk' AND undo_step IS NOT NULL
    AND undo_step ->> 'phase' IN ('retry', 'cancel')
ORDER BY id
LIMIT 1 OFFSET %(nth)s
FOR UPDATE SKIP LOCKED

-- name: lock_waiting_jobs
-- Locks those of the jobs that no worker has begun. A job that a worker or the relay has locked is for a later step.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s::uuid []) AND (state = 'queued') IS TRUE
ORDER BY id
FOR UPDATE SKIP LOCKED

-- name: list_waiting_jobs
-- Lists those of the jobs that wait, locked or not.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s::uuid []) AND (state = 'queued') IS TRUE

-- name: save_results
-- Saves the number of jobs by result.
UPDATE run
SET results = %(results)s
WHERE workspace_id = %(workspace_id)s AND id = %(run_id)s
