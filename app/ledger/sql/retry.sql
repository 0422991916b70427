-- Retries of dead jobs.

-- name: lock_job
-- Locks a job and returns its state, whether its identifiers were erased, and its kind; of an undo, the kind of the job
-- that it undoes.
SELECT
    job.state, job.orphan_identifier = '{}' AS blanked,
    coalesce(
        (
            SELECT undone.kind
            FROM job AS undone
            WHERE undone.workspace_id = %(workspace_id)s AND undone.id = job.undoes
        ),
        job.kind
    ) AS kind
FROM job
WHERE job.workspace_id = %(workspace_id)s AND job.id = %(job_id)s
FOR UPDATE

-- name: read_kinds
-- Lists the kinds of jobs; of undos, the kinds of the jobs that they undo.
SELECT
    job.id,
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

-- name: requeue_job
-- Queues a dead job again with a fresh count of attempts; its last error stays until it runs. The run of its batch counts
-- the batch again: without a condition on the state, so that this waits while the relay counts the batch.
WITH requeued AS (
    UPDATE job
    SET
        state = 'queued',
        attempts = 0,
        stalled_attempts = 0,
        finished_at = NULL,
        published_at = NULL,
        lane = index,
        due_at = next.due_at
    FROM (
        SELECT id, now() - interval '100 years' + (priority - 3) * interval '1826 days' AS due_at
        FROM job
        WHERE workspace_id = %(workspace_id)s AND id = %(job_id)s
        OFFSET 0
    ) AS next
    WHERE job.workspace_id = %(workspace_id)s AND job.id = next.id
    RETURNING job.batch_id
)

UPDATE batch
SET run_state = NULL
FROM requeued
WHERE batch.workspace_id = %(workspace_id)s AND batch.id = requeued.batch_id AND batch.run_id IS NOT NULL

-- name: watch_again
-- The batch of a requeued job is unfinished again, so it is watched again for the workspace's webhooks. While the sender
-- locks the watch of the same batch, the INSERT waits, or the sender would delete the new watch.
INSERT INTO webhook_watch AS watch (workspace_id, batch_id, kind)
SELECT job.workspace_id, job.batch_id, job.kind
FROM job
WHERE job.workspace_id = %(workspace_id)s AND job.id = %(job_id)s
    AND EXISTS (SELECT 1 FROM webhook WHERE workspace_id = %(workspace_id)s AND enabled)
ON CONFLICT (workspace_id, batch_id) DO UPDATE SET since = excluded.since, check_at = excluded.check_at

-- name: list_workspaces
-- Lists the workspaces, or the one called name.
SELECT workspace_id, name
FROM workspace
WHERE %(name)s::text IS NULL OR name = %(name)s

-- name: has_job
-- Returns a row if the workspace has the job.
SELECT id FROM job WHERE workspace_id = %(workspace_id)s AND id = %(job_id)s
