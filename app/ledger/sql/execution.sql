-- name: workspaces_with_pending_jobs
-- Lists the workspaces that have a lane due to be published: one index probe each.
SELECT workspace_id FROM workspaces_with_pending_jobs()

-- name: claim_lanes
-- Locks the oldest waiting lanes of a workspace, whole, skipping those that another relay holds.
-- The members of a lane are probed for, batch by batch. When the statistics are older than the backlog they say that
-- next to nothing is queued, and an index on the state would be read whole for every lane: "IS TRUE" keeps it out. The
-- batch is probed for likewise, or it might be joined by reading all of them.
WITH head AS (
    SELECT batch_id, lane
    FROM job
    WHERE workspace_id = %(workspace_id)s
        AND state = 'queued' AND published_at IS NULL AND lane = index AND due_at <= now()
    ORDER BY due_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)

SELECT member.id, head.batch_id, head.lane, batch.request_id, batch.traceparent
FROM head
CROSS JOIN LATERAL (
    SELECT request_id, traceparent
    FROM batch
    WHERE batch.workspace_id = %(workspace_id)s AND batch.id = head.batch_id
    LIMIT 1
) AS batch
CROSS JOIN LATERAL (
    SELECT job.id
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = head.batch_id AND job.index >= head.lane
        AND job.lane = head.lane AND (job.state = 'queued') IS TRUE AND job.published_at IS NULL
    ORDER BY job.index
    FOR UPDATE
) AS member

-- name: jobs_to_publish_apart
-- Lists those of the jobs that were stranded several times: they may be what kills their workers.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND strandings >= %(strandings)s

-- name: mark_published
-- Notes under which task each job was published.
UPDATE job
SET published_at = clock_timestamp(), task_id = given.task_id
FROM unnest(%(ids)s::uuid[], %(task_ids)s::uuid[]) AS given (id, task_id)
WHERE job.workspace_id = %(workspace_id)s AND job.id = given.id

-- name: begin_attempt
-- Counts an attempt on each unfinished job of a lane; a transaction of its own, since a rollback would erase it.
-- A job that is found running is stranded: its last attempt came to no end, unless it is being made at this moment.
-- A late delivery may begin a job that was put back and is not published again yet: it counts as published from now on,
-- or the rescue would never look at it. It may hold the head of a lane and not the rest; what still waits of that lane
-- gets a head of its own, since the relay looks for heads. A job that was dead and is tried again keeps its last error
-- until it runs. How long each has waited, the database tells, whose clock gave the time of its acceptance too.
WITH begun AS (
    UPDATE job
    SET
        state = 'running',
        attempts = attempts + 1,
        strandings = strandings + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
        reason = CASE WHEN attempts > 0 THEN reason END,
        started_at = clock_timestamp(),
        published_at = coalesce(published_at, clock_timestamp()),
        task_id = %(task_id)s
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state IN ('queued', 'running')
    RETURNING
        id, batch_id, index, kind, orphan_identifier, survivor_identifier, attempts,
        extract(EPOCH FROM clock_timestamp() - created_at)::double precision AS waited_s,
        published_at >= statement_timestamp() AS was_waiting
),

rest AS (
    SELECT waiting.id, min(waiting.index) OVER (PARTITION BY waiting.batch_id, waiting.lane) AS lane
    FROM (SELECT DISTINCT batch_id FROM begun WHERE was_waiting) AS late
    JOIN job AS waiting
        ON waiting.workspace_id = %(workspace_id)s AND waiting.batch_id = late.batch_id
    WHERE (waiting.state = 'queued') IS TRUE AND waiting.published_at IS NULL
        -- This statement does not see its own update.
        AND waiting.id <> ALL(%(ids)s)
),

led AS (
    UPDATE job
    SET lane = rest.lane
    FROM rest
    WHERE job.workspace_id = %(workspace_id)s AND job.id = rest.id AND job.lane <> rest.lane
        AND job.state = 'queued' AND job.published_at IS NULL
)

SELECT
    begun.id, begun.batch_id, begun.index, begun.kind, begun.orphan_identifier, begun.survivor_identifier,
    begun.attempts, begun.waited_s, batch.request_id, batch.traceparent
FROM begun
CROSS JOIN LATERAL (
    SELECT request_id, traceparent
    FROM batch
    WHERE batch.workspace_id = %(workspace_id)s AND batch.id = begun.batch_id
    LIMIT 1
) AS batch

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
-- Puts a job whose attempt failed back in the queue, alone in its lane, or declares it dead. Failures count against it
-- on their own; an attempt that had to give way to others counts as stranded, and of those more are allowed. Nothing
-- happens when another attempt has begun meanwhile: that one has the say now.
UPDATE job
SET
    state = CASE WHEN fate.dead THEN 'dead' ELSE 'queued' END,
    finished_at = CASE WHEN fate.dead THEN clock_timestamp() END,
    strandings = job.strandings + CASE WHEN %(gave_way)s THEN 1 ELSE 0 END,
    reason = %(reason)s,
    published_at = NULL,
    lane = job.index,
    due_at = clock_timestamp() + make_interval(secs => least(%(longest_s)s, %(delay_s)s * 2 ^ fate.doublings))
FROM (
    SELECT
        id,
        CASE
            WHEN %(gave_way)s THEN strandings + 1 >= %(max_strandings)s
            ELSE attempts - strandings >= %(max_attempts)s
        END AS dead,
        -- Others are seldom in the way for long.
        CASE WHEN %(gave_way)s THEN least(strandings, 5) ELSE least(attempts - strandings - 1, 30) END AS doublings
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'running' AND attempts = %(attempt)s
    FOR UPDATE
) AS fate
WHERE job.workspace_id = %(workspace_id)s AND job.id = fate.id
RETURNING job.state

-- name: how_far
-- Tells how far the broker's queue was consumed: the latest message among those whose jobs are running. Ids of tasks sort
-- by the time of their publication, and a running job has that of the message by which it was begun, which may be older
-- than its last publication.
SELECT task_id
FROM job
WHERE workspace_id = %(workspace_id)s AND state = 'running' AND published_at IS NOT NULL
ORDER BY task_id DESC NULLS LAST
LIMIT 1

-- name: lost_jobs
-- Locks jobs that were published long ago and never begun, although the queue was consumed beyond their message.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s
    AND state = 'queued'
    AND published_at < clock_timestamp() - make_interval(secs => %(after_s)s)
    AND task_id < %(consumed_to)s
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: stranded_jobs
-- Locks jobs whose attempt began long ago and that no living worker holds: the worker died. Those that were stranded
-- once too often are not waited for.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s
    AND state = 'running' AND published_at IS NOT NULL
    AND (
        started_at < clock_timestamp() - make_interval(secs => %(after_s)s)
        OR strandings >= %(max_strandings)s
    )
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: put_back_lost
-- Puts locked jobs back in the queue, those of one lane together and in order.
UPDATE job
SET published_at = NULL, lane = rescued.lane, due_at = clock_timestamp()
FROM (
    SELECT id, min(index) OVER (PARTITION BY batch_id, lane) AS lane
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
) AS rescued
WHERE job.workspace_id = %(workspace_id)s AND job.id = rescued.id

-- name: put_back_stranded
-- Counts a stranding on each of the locked jobs and puts them back in the queue, those of one lane together and in
-- order; each for itself when it happened often, since one of them may be what kills their workers; dead in the end.
UPDATE job
SET
    state = CASE WHEN rescued.dead THEN 'dead' ELSE 'queued' END,
    finished_at = CASE WHEN rescued.dead THEN clock_timestamp() END,
    reason = CASE WHEN rescued.dead THEN %(reason)s ELSE job.reason END,
    strandings = job.strandings + 1,
    published_at = NULL,
    lane = rescued.lane,
    due_at = clock_timestamp()
FROM (
    SELECT
        id, dead,
        CASE WHEN alone THEN index ELSE min(index) OVER (PARTITION BY batch_id, lane, alone) END AS lane
    FROM (
        SELECT
            id, index, batch_id, lane,
            strandings + 1 >= %(alone_after)s AS alone,
            strandings + 1 >= %(max_strandings)s AS dead
        FROM job
        WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
    ) AS stranded
) AS rescued
WHERE job.workspace_id = %(workspace_id)s AND job.id = rescued.id
RETURNING job.state

-- name: workspaces_under_way
-- Lists the workspaces that have published, unfinished jobs: one index probe each.
SELECT workspace_id FROM workspaces_under_way()

-- name: all_workspaces
-- Lists every workspace.
SELECT workspace_id FROM all_workspaces()

-- name: prune_batches
-- Deletes the oldest finished batches with their jobs and audit; a batch with an unfinished or dead job stays.
SELECT prune_batches(%(workspace_id)s, %(before)s, %(limit)s) AS pruned

-- name: prune_audit_entries
-- Deletes the oldest entries of the audit that hang on no batch.
SELECT prune_audit_entries(%(workspace_id)s, %(before)s, %(limit)s) AS pruned

-- name: prune_idempotency
-- Forgets idempotency keys that have run out.
DELETE FROM idempotency
WHERE workspace_id = %(workspace_id)s AND created_at < now() - make_interval(hours => 1) * %(hours)s
