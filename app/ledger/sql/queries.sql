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

-- name: has_unfinished_jobs
-- Returns whether the batch has a queued or running job.
SELECT EXISTS (
    SELECT 1
    FROM job
    WHERE workspace_id = %(workspace_id)s AND batch_id = %(batch_id)s AND state IN ('queued', 'running')
) AS unfinished

-- name: list_batches
-- Lists a page of batches, newest first.
SELECT id, created_at, source, run_id, request_id
FROM batch
WHERE workspace_id = %(workspace_id)s
    AND (%(source)s::text IS NULL OR source = %(source)s)
    AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: list_batches_of_duplicates
-- Lists a page of batches of duplicate runs, newest first.
SELECT id, created_at, source, run_id, request_id
FROM batch
WHERE workspace_id = %(workspace_id)s
    AND source = 'duplicates'
    AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: list_batches_of_run
-- Lists a page of batches of a run, newest first. Only the index of runs has this range and this order.
SELECT id, created_at, source, run_id, request_id
FROM batch
WHERE workspace_id = %(workspace_id)s
    AND run_id = %(run_id)s
    AND (%(source)s::text IS NULL OR source = %(source)s)
    AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY run_id DESC, id DESC
LIMIT %(limit)s

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

-- name: read_changes
-- Reads the changes of a merge or an undo on the survivor.
SELECT changes FROM merge_record WHERE workspace_id = %(workspace_id)s AND job_id = %(job_id)s
UNION ALL
SELECT changes::json FROM undo_record WHERE workspace_id = %(workspace_id)s AND job_id = %(job_id)s

-- name: list_jobs
-- Lists a page of jobs, newest first.
SELECT
    id, batch_id, index, kind, state, priority, outcome, reason, orphan_identifier, survivor_identifier,
    orphan_braze_id, orphan_external_id, survivor_braze_id, survivor_external_id,
    attempts, task_id, created_at, started_at, finished_at, undone_at, undone_by, undoes, not_restored,
    (SELECT request_id FROM batch WHERE batch.workspace_id = job.workspace_id AND batch.id = job.batch_id) AS request_id,
    job.outcome = 'merged' AND EXISTS (
        SELECT 1
        FROM duplicate_exclusion AS exclusion
        WHERE exclusion.workspace_id = %(workspace_id)s
            AND exclusion.low_origin_id = least(job.orphan_id, job.survivor_id)
            AND exclusion.high_origin_id = greatest(job.orphan_id, job.survivor_id)
            AND exclusion.created_at <= job.finished_at
    ) AS excluded
FROM job
WHERE workspace_id = %(workspace_id)s
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
    AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: list_jobs_of_run
-- Lists the ids of a page of jobs of a run: batch by batch, the newest first, and newest first within a batch. The last
-- job of the page before and its batch are given.
SELECT job.id
FROM batch
CROSS JOIN LATERAL (
    SELECT id
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
        AND (%(state)s::text IS NULL OR state = %(state)s)
        AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
    OFFSET 0
) AS job
WHERE batch.workspace_id = %(workspace_id)s
    AND batch.run_id = %(run_id)s
    AND batch.id <= %(last_batch_id)s
    AND (batch.id, job.id) < (%(last_batch_id)s, %(before)s)
ORDER BY batch.run_id DESC, batch.id DESC, job.id DESC
LIMIT %(limit)s

-- name: find_jobs
-- Lists a page of the jobs with a plain value as an identifier of either profile, newest first. All of them are found
-- before they are sorted: reading back in time until a page is full would read every job when few match.
WITH found AS MATERIALIZED (
    SELECT id, state, outcome
    FROM workspace_job
    WHERE workspace_id = %(workspace_id)s
        AND search_keys && %(search_keys)s::text[]
        -- Only email addresses and phone numbers are compared in a normalized form.
        AND (
            search_keys && %(exact_keys)s::text[]
            OR (search_keys && %(email_keys)s::text[] AND (orphan_identifier ? 'email' OR survivor_identifier ? 'email'))
            OR (search_keys && %(phone_keys)s::text[] AND (orphan_identifier ? 'phone' OR survivor_identifier ? 'phone'))
        )
)

SELECT
    id, batch_id, index, kind, state, priority, outcome, reason, orphan_identifier, survivor_identifier,
    orphan_braze_id, orphan_external_id, survivor_braze_id, survivor_external_id,
    attempts, task_id, created_at, started_at, finished_at, undone_at, undone_by, undoes, not_restored,
    (SELECT request_id FROM batch WHERE batch.workspace_id = job.workspace_id AND batch.id = job.batch_id) AS request_id,
    job.outcome = 'merged' AND EXISTS (
        SELECT 1
        FROM duplicate_exclusion AS exclusion
        WHERE exclusion.workspace_id = %(workspace_id)s
            AND exclusion.low_origin_id = least(job.orphan_id, job.survivor_id)
            AND exclusion.high_origin_id = greatest(job.orphan_id, job.survivor_id)
            AND exclusion.created_at <= job.finished_at
    ) AS excluded
FROM job
WHERE workspace_id = %(workspace_id)s AND id IN (
    SELECT id
    FROM found
    WHERE (%(state)s::text IS NULL OR state = %(state)s)
        AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
        AND (%(before)s::uuid IS NULL OR id < %(before)s)
        AND (
            %(run_id)s::uuid IS NULL OR %(run_id)s = (
                SELECT (
                    SELECT batch.run_id
                    FROM batch
                    WHERE batch.workspace_id = %(workspace_id)s AND batch.id = member.batch_id
                )
                FROM job AS member
                WHERE member.workspace_id = %(workspace_id)s AND member.id = found.id
            )
        )
    ORDER BY id DESC
    LIMIT %(limit)s
)
ORDER BY id DESC
