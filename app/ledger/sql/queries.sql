-- name: read_batch
-- Reads a batch with its jobs in the order of the request; one row without a job for an empty batch.
SELECT
    batch.created_at AS batch_created_at, batch.source, batch.run_id, batch.request_id,
    job.id, batch.id AS batch_id, job.index, job.kind, job.state, job.priority, job.outcome, job.reason,
    job.orphan_identifier, job.survivor_identifier,
    job.orphan_braze_id, job.orphan_external_id, job.survivor_braze_id, job.survivor_external_id,
    job.attempts, job.task_id, job.created_at, job.started_at, job.finished_at,
    job.undone_at, job.undone_by, job.undoes, job.not_restored,
    -- Only pairs that were excluded before the merge: its undo excludes the pair too.
    job.outcome = 'merged' AND EXISTS (
        SELECT 1
        FROM duplicate_exclusion AS exclusion
        WHERE exclusion.workspace_id = %(workspace_id)s
            AND exclusion.low_origin_id = least(job.orphan_id, job.survivor_id)
            AND exclusion.high_origin_id = greatest(job.orphan_id, job.survivor_id)
            AND exclusion.created_at <= job.finished_at
    ) AS excluded
FROM batch
LEFT JOIN job ON job.workspace_id = batch.workspace_id AND job.batch_id = batch.id
WHERE batch.workspace_id = %(workspace_id)s AND batch.id = %(batch_id)s
ORDER BY job.index

-- name: find_unfinished_batches
-- Returns those of the batches that have a queued or running job.
SELECT waiting.batch_id
FROM unnest(%(batch_ids)s::uuid[]) AS waiting (batch_id)
-- A subquery with a LIMIT runs for each batch, by its index, whatever the planner knows of the table.
CROSS JOIN LATERAL (
    SELECT 1
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = waiting.batch_id AND job.state IN ('queued', 'running')
    LIMIT 1
) AS unfinished

-- name: read_batches
-- Reads several batches, without their jobs.
SELECT id, created_at, source, run_id, request_id
FROM batch
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(batch_ids)s)
ORDER BY id

-- name: count_jobs_of_batches
-- Counts the jobs of each batch by state and outcome, and the undone ones among them.
SELECT
    batch_id, state, outcome, count(*) AS jobs, count(undone_at) AS undone, max(finished_at) AS finished_at,
    min(priority) AS priority
FROM job
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s)
GROUP BY batch_id, state, outcome

-- name: read_jobs
-- Reads these jobs, in the order of their ids.
SELECT
    id, batch_id, index, kind, state, priority, outcome, reason, orphan_identifier, survivor_identifier,
    orphan_braze_id, orphan_external_id, survivor_braze_id, survivor_external_id,
    attempts, task_id, created_at, started_at, finished_at, undone_at, undone_by, undoes, not_restored,
    (SELECT request_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id) AS request_id,
    job.outcome = 'merged' AND EXISTS (
        SELECT 1
        FROM duplicate_exclusion AS exclusion
        WHERE exclusion.workspace_id = %(workspace_id)s
            AND exclusion.low_origin_id = least(job.orphan_id, job.survivor_id)
            AND exclusion.high_origin_id = greatest(job.orphan_id, job.survivor_id)
            AND exclusion.created_at <= job.finished_at
    ) AS excluded
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s::uuid [])
ORDER BY id
