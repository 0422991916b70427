-- name: workspaces_with_pending_jobs
-- Lists the workspaces that have a lane waiting to be published: one index probe each.
SELECT workspace.workspace_id
FROM workspace
WHERE EXISTS (
    SELECT 1
    FROM job
    WHERE job.workspace_id = workspace.workspace_id
        AND job.state = 'queued' AND job.published_at IS NULL AND job.lane = job.index
)
ORDER BY workspace.workspace_id

-- name: claim_lanes
-- Locks the oldest waiting lanes of a workspace, whole, skipping those that another relay holds.
WITH head AS (
    SELECT batch_id, lane
    FROM job
    WHERE workspace_id = %(workspace_id)s
        AND state = 'queued' AND published_at IS NULL AND lane = index AND due_at <= now()
    ORDER BY id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)

SELECT job.id, job.batch_id, job.lane
FROM head
JOIN job ON job.workspace_id = %(workspace_id)s AND job.batch_id = head.batch_id AND job.lane = head.lane
WHERE job.state = 'queued' AND job.published_at IS NULL
ORDER BY job.id
FOR UPDATE OF job

-- name: mark_published
-- Notes under which task each job was published.
UPDATE job
SET published_at = clock_timestamp(), task_id = given.task_id
FROM unnest(%(ids)s::uuid[], %(task_ids)s::uuid[]) AS given (id, task_id)
WHERE job.workspace_id = %(workspace_id)s AND job.id = given.id

-- name: begin_attempt
-- Counts an attempt on each unfinished job of a lane; a transaction of its own, since a rollback would erase it.
-- A late delivery may begin a job that was put back and is not published again yet: it counts as published from now on,
-- or the rescue would never look at it.
UPDATE job
SET
    state = 'running',
    attempts = attempts + 1,
    started_at = clock_timestamp(),
    published_at = coalesce(published_at, clock_timestamp()),
    task_id = %(task_id)s
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state IN ('queued', 'running')
RETURNING id, batch_id, index, kind, orphan_identifier, survivor_identifier, attempts

-- name: hold_jobs
-- Locks those of the jobs that nobody has finished, so that a repeated delivery waits and then finds nothing to do.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state = 'running'
ORDER BY id
FOR UPDATE

-- name: finish_jobs
-- Records the outcomes of jobs, given as a JSON array, in the transaction of their effect.
UPDATE job
SET
    state = 'finished',
    outcome = given.outcome,
    reason = given.reason,
    finished_at = clock_timestamp(),
    orphan_id = given.orphan_id,
    orphan_braze_id = given.orphan_braze_id,
    orphan_external_id = given.orphan_external_id,
    survivor_id = given.survivor_id,
    survivor_braze_id = given.survivor_braze_id,
    survivor_external_id = given.survivor_external_id,
    search_keys = array(
        SELECT DISTINCT found.key
        FROM unnest(
            job.search_keys || given.orphan_braze_id || given.orphan_external_id
            || given.survivor_braze_id || given.survivor_external_id
        ) AS found (key)
        WHERE found.key IS NOT NULL
    )
FROM jsonb_to_recordset(%(rows)s) AS given (
    id uuid, outcome text, reason text,
    orphan_id bigint, orphan_braze_id text, orphan_external_id text,
    survivor_id bigint, survivor_braze_id text, survivor_external_id text
)
WHERE job.workspace_id = %(workspace_id)s AND job.id = given.id

-- name: fail_attempt
-- Puts a job whose attempt failed back in the queue, alone in its lane, or declares it dead after its last attempt.
UPDATE job
SET
    state = CASE WHEN attempts >= %(max_attempts)s THEN 'dead' ELSE 'queued' END,
    finished_at = CASE WHEN attempts >= %(max_attempts)s THEN clock_timestamp() END,
    reason = %(reason)s,
    published_at = NULL,
    lane = index,
    due_at = clock_timestamp() + make_interval(secs => %(delay_s)s * 2 ^ (attempts - 1))
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'running'
RETURNING state

-- name: how_far
-- Tells how far the broker's queue was consumed: the latest publication among the jobs now running.
SELECT max(published_at) AS consumed_to
FROM job
WHERE workspace_id = %(workspace_id)s AND state = 'running' AND published_at IS NOT NULL

-- name: lost_jobs
-- Locks jobs that were published long ago and never begun, although the queue was consumed beyond them.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s
    AND state = 'queued'
    AND published_at < least(%(consumed_to)s, clock_timestamp() - make_interval(secs => %(after_s)s))
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: stranded_jobs
-- Locks jobs whose attempt began long ago and that no living worker holds: the worker died.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s
    AND state = 'running' AND published_at IS NOT NULL
    AND started_at < clock_timestamp() - make_interval(secs => %(after_s)s)
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: rescue_jobs
-- Puts locked jobs back in the queue, those of one lane together and in order; dead after their last attempt.
UPDATE job
SET
    state = CASE WHEN job.attempts >= %(max_attempts)s THEN 'dead' ELSE 'queued' END,
    finished_at = CASE WHEN job.attempts >= %(max_attempts)s THEN clock_timestamp() END,
    reason = CASE WHEN job.attempts >= %(max_attempts)s THEN %(reason)s ELSE job.reason END,
    published_at = NULL,
    lane = rescued.lane,
    due_at = clock_timestamp()
FROM (
    SELECT
        id,
        CASE
            WHEN attempts >= %(max_attempts)s THEN lane
            ELSE min(index) FILTER (WHERE attempts < %(max_attempts)s) OVER (PARTITION BY batch_id, lane)
        END AS lane
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
) AS rescued
WHERE job.workspace_id = %(workspace_id)s AND job.id = rescued.id
RETURNING job.id, job.state

-- name: workspaces_under_way
-- Lists the workspaces that have published, unfinished jobs: one index probe each.
SELECT workspace.workspace_id
FROM workspace
WHERE EXISTS (
    SELECT 1
    FROM job
    WHERE job.workspace_id = workspace.workspace_id
        AND job.state IN ('queued', 'running') AND job.published_at IS NOT NULL
)
ORDER BY workspace.workspace_id

-- name: all_workspaces
-- Lists every workspace.
SELECT workspace_id FROM workspace ORDER BY workspace_id

-- name: prune_batches
-- Deletes the oldest finished batches with their jobs and audit; a batch with an unfinished or dead job stays.
DELETE FROM batch
WHERE batch.workspace_id = %(workspace_id)s
    AND batch.id IN (
        SELECT old.id
        FROM batch AS old
        WHERE old.workspace_id = %(workspace_id)s
            AND old.id < %(before)s
            AND NOT EXISTS (
                SELECT 1
                FROM job
                WHERE job.workspace_id = old.workspace_id AND job.batch_id = old.id AND job.state <> 'finished'
            )
        ORDER BY old.id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )

-- name: prune_idempotency
-- Forgets idempotency keys that have run out.
DELETE FROM idempotency
WHERE workspace_id = %(workspace_id)s AND created_at < now() - make_interval(hours => 1) * %(hours)s
