-- Cancelled jobs: one, those of a batch, or all that wait in the queue.

-- name: find_job
-- Returns the batch of a job.
SELECT batch_id FROM job WHERE workspace_id = %(workspace_id)s AND id = %(job_id)s

-- name: lock_batch
-- Locks a batch against other cancellations of its jobs.
SELECT id FROM batch WHERE workspace_id = %(workspace_id)s AND id = %(batch_id)s FOR NO KEY UPDATE

-- name: lock_waiting_jobs
-- Locks the queued jobs of a batch, or one of them with the others of its lane. A worker that begins them meanwhile waits,
-- and then finds them ended; a job that it has begun is not locked.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND batch_id = %(batch_id)s AND state = 'queued'
    AND (
        %(job_id)s::uuid IS NULL OR id = %(job_id)s
        OR lane = (SELECT one.lane FROM job AS one WHERE one.workspace_id = %(workspace_id)s AND one.id = %(job_id)s)
    )
ORDER BY id
FOR UPDATE

-- name: read_jobs
-- Reads the states and kinds of the jobs of a batch, or of one of them; for an undo, the kind of the job that it undoes.
SELECT
    job.id, job.state,
    coalesce(
        (
            SELECT undone.kind
            FROM job AS undone
            WHERE undone.workspace_id = %(workspace_id)s AND undone.id = job.undoes
        ),
        job.kind
    ) AS kind
FROM job
WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = %(batch_id)s
    AND (%(job_id)s::uuid IS NULL OR job.id = %(job_id)s)

-- name: cancel_jobs
-- Cancels locked jobs. When the head of a lane that is not published is cancelled without the rest, the rest gets a new
-- head, since the relay searches heads. Its keys are arrays, as in begin_attempts.
WITH cancelled AS (
    UPDATE job
    SET state = 'finished', outcome = 'cancelled', reason = %(reason)s, finished_at = statement_timestamp()
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state = 'queued'
    RETURNING id, batch_id, lane, index
),

rest AS (
    SELECT waiting.id, min(waiting.index) OVER (PARTITION BY waiting.batch_id, waiting.lane) AS lane
    FROM job AS waiting
    WHERE waiting.workspace_id = %(workspace_id)s
        AND waiting.batch_id = ANY(ARRAY(SELECT head.batch_id FROM cancelled AS head WHERE head.lane = head.index))
        AND (waiting.batch_id, waiting.lane) IN (
            SELECT head.batch_id, head.lane FROM cancelled AS head WHERE head.lane = head.index
        )
        AND (waiting.state = 'queued') IS TRUE AND waiting.published_at IS NULL
        -- This statement does not see its own update.
        AND waiting.id <> ALL(%(ids)s)
)

UPDATE job
SET lane = (SELECT rest.lane FROM rest WHERE rest.id = job.id)
WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(ARRAY(SELECT rest.id FROM rest))
    AND (job.state = 'queued') IS TRUE AND job.published_at IS NULL

-- name: has_waiting_job
-- Finds a queued job.
SELECT id FROM job WHERE workspace_id = %(workspace_id)s AND state = 'queued' LIMIT 1

-- name: add_cancellation
-- Cancels the jobs that wait now. Jobs that a transaction has accepted, which has not ended yet, count.
INSERT INTO queue_cancellation (workspace_id, id, kind, source, priority, reason)
VALUES (%(workspace_id)s, %(id)s, %(kind)s, %(source)s, %(priority)s, %(reason)s)

-- name: add_cancellation_of_run
-- Cancels the waiting jobs of a run that gets no more batches. Its requests have ended before this statement.
INSERT INTO queue_cancellation (workspace_id, id, cancelled_at, reason, run_id)
VALUES (%(workspace_id)s, %(id)s, statement_timestamp(), %(reason)s, %(run_id)s)

-- name: workspaces_with_cancellations
-- Lists the workspaces with jobs to cancel in the background.
SELECT workspace_id FROM workspaces_with_cancellations()

-- name: lock_cancellation
-- Locks the oldest cancellation, unless another relay has.
SELECT id, cancelled_at, kind, source, priority, reason, last_job_id, run_id
FROM queue_cancellation
WHERE workspace_id = %(workspace_id)s
ORDER BY id
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: lock_cancelled_jobs
-- Locks the next queued jobs that a cancellation is for, in the order of their ids. A job that a worker or the relay has
-- locked is for a later pass. A queued job has no outcome, so the index of states has this order.
SELECT job.id
FROM job
WHERE job.workspace_id = %(workspace_id)s AND job.state = 'queued' AND job.outcome IS NULL AND job.id > %(after)s
    AND job.created_at <= %(cancelled_at)s
    AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
    AND (%(priority)s::smallint IS NULL OR job.priority = %(priority)s)
    AND (
        %(source)s::text IS NULL
        OR %(source)s = (
            SELECT batch.source
            FROM batch
            WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
        )
    )
ORDER BY job.outcome, job.id
LIMIT %(limit)s
FOR UPDATE OF job SKIP LOCKED

-- name: find_cancelled_job
-- Finds a queued job that a cancellation is for, locked or not.
SELECT job.id
FROM job
WHERE job.workspace_id = %(workspace_id)s AND job.state = 'queued' AND job.outcome IS NULL
    AND job.created_at <= %(cancelled_at)s
    AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
    AND (%(priority)s::smallint IS NULL OR job.priority = %(priority)s)
    AND (
        %(source)s::text IS NULL
        OR %(source)s = (
            SELECT batch.source
            FROM batch
            WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
        )
    )
LIMIT 1

-- name: list_batches_of_run
-- Lists the next batches of a run whose jobs may wait, in the order of their ids.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND id > %(after)s
    AND run_state IS DISTINCT FROM 'settled'
ORDER BY run_id, id
LIMIT %(limit)s

-- name: lock_waiting_jobs_of_batches
-- Locks the queued jobs of batches. A job that a worker or the relay has locked is for a later pass.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s) AND (state = 'queued') IS TRUE
ORDER BY id
FOR UPDATE SKIP LOCKED

-- name: find_waiting_job_of_run
-- Finds a queued job of a run, locked or not.
SELECT waiting.id
FROM batch
CROSS JOIN LATERAL (
    SELECT job.id
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id AND (job.state = 'queued') IS TRUE
    LIMIT 1
) AS waiting
WHERE batch.workspace_id = %(workspace_id)s AND batch.run_id = %(run_id)s AND batch.run_state IS DISTINCT FROM 'settled'
LIMIT 1

-- name: save_cancellation
-- Records where the next step of a cancellation begins.
UPDATE queue_cancellation
SET last_job_id = %(last_job_id)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: end_cancellation
-- Deletes a cancellation whose jobs have their outcome.
DELETE FROM queue_cancellation WHERE workspace_id = %(workspace_id)s AND id = %(id)s
