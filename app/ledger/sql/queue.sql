-- The control of the queue: pause, limit, and what the queue contains.

-- name: read_queue
-- Reads what the workspace has set for its queue; one row, also without settings.
SELECT control.paused_at, control.paused_by, key.label, control.merges_per_minute_limit
FROM (VALUES (%(workspace_id)s::integer)) AS own (workspace_id)
LEFT JOIN queue_control AS control ON control.workspace_id = %(workspace_id)s
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = control.paused_by

-- name: add_queue
-- Adds the settings of the queue, unless the workspace has some.
INSERT INTO queue_control (workspace_id) VALUES (%(workspace_id)s) ON CONFLICT (workspace_id) DO NOTHING

-- name: lock_queue
-- Locks the settings of the queue.
SELECT paused_at, paused_by, merges_per_minute_limit
FROM queue_control
WHERE workspace_id = %(workspace_id)s
FOR UPDATE

-- name: save_queue
-- Saves the settings of the queue. A new limit counts from now on.
UPDATE queue_control
SET
    paused_at = %(paused_at)s, paused_by = %(paused_by)s, merges_per_minute_limit = %(limit)s,
    paced_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s

-- name: lock_limit
-- Locks the limit of a queue that runs, and returns it with the seconds of it that no published job has used, which are
-- negative when jobs have used more. No row without a limit. The lock is waited for before the clock is read.
SELECT
    control.merges_per_minute_limit AS merges_per_minute,
    extract(EPOCH FROM clock_timestamp() - control.paced_at)::double precision AS unused_s,
    clock_timestamp() AS now
FROM (
    SELECT merges_per_minute_limit, paced_at
    FROM queue_control
    WHERE workspace_id = %(workspace_id)s AND merges_per_minute_limit IS NOT NULL AND paused_at IS NULL
    FOR UPDATE
) AS control

-- name: count_published
-- Counts the published jobs that no worker has begun, up to a bound.
SELECT count(*) AS jobs
FROM (
    SELECT
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'queued' AND published_at IS NOT NULL
    LIMIT %(bound)s
) AS published

-- name: save_pace
-- Records up to which time the published jobs use the limit.
UPDATE queue_control SET paced_at = %(paced_at)s WHERE workspace_id = %(workspace_id)s

-- name: count_waiting
-- Counts the oldest queued jobs by urgency, up to a bound of all of them together. The order is that of the index, which
-- is not read completely, also when the statistics are older than the backlog.
SELECT priority, count(*) AS jobs
FROM (
    SELECT priority
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'queued'
    ORDER BY outcome, id
    LIMIT %(bound)s
) AS queued
GROUP BY priority

-- name: count_pending_lanes
-- Counts the lanes that are due at once by urgency, each up to a bound: their due times have the order of the urgency.
SELECT level.priority, pending.jobs
FROM (
    SELECT urgency AS priority, now() - interval '100 years' + (urgency - 3) * interval '1826 days' AS newest
    FROM generate_series(0, 7) AS levels (urgency)
) AS level
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs
    FROM (
        SELECT
        FROM job
        WHERE workspace_id = %(workspace_id)s
            AND state = 'queued' AND published_at IS NULL AND lane = index
            AND due_at > level.newest - interval '1826 days' AND due_at <= level.newest
        ORDER BY due_at, id
        LIMIT %(bound)s
    ) AS heads
) AS pending
WHERE pending.jobs > 0

-- name: count_selected
-- Counts the jobs of a selection among the oldest queued ones, up to a bound of jobs that it reads, in the order of the
-- index of states.
SELECT
    count(*) AS examined,
    count(*) FILTER (
        WHERE (%(kind)s::text IS NULL OR waiting.kind = %(kind)s)
            AND (%(priority)s::smallint IS NULL OR waiting.priority = %(priority)s)
            AND (%(source)s::text IS NULL OR batch.source = %(source)s)
    ) AS jobs
FROM (
    SELECT kind, priority, batch_id
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'queued'
    ORDER BY outcome, id
    LIMIT %(bound)s
) AS waiting
JOIN batch ON batch.workspace_id = %(workspace_id)s AND batch.id = waiting.batch_id

-- name: count_running
-- Counts the running jobs, up to a bound.
SELECT count(*) AS jobs
FROM (
    SELECT
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'running'
    LIMIT %(bound)s
) AS running

-- name: find_oldest_waiting
-- Returns the seconds since the oldest queued job was accepted; not negative when PostgreSQL's clock was set back. A queued
-- job has no outcome, so this order is that of the ids.
SELECT greatest(extract(EPOCH FROM clock_timestamp() - created_at), 0)::double precision AS seconds
FROM job
WHERE workspace_id = %(workspace_id)s AND state = 'queued'
ORDER BY outcome, id
LIMIT 1

-- name: count_ended_lately
-- Counts the latest jobs that ended in the last minute, up to a bound, and returns the seconds since the first of them.
SELECT count(*) AS jobs, extract(EPOCH FROM now() - min(latest.finished_at))::double precision AS seconds
FROM (
    SELECT finished_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND finished_at > now() - interval '1 minute'
    ORDER BY finished_at DESC
    LIMIT %(bound)s
) AS latest

-- name: paused_workspaces
-- Lists the workspaces that have paused their queue.
SELECT workspace_id FROM paused_workspaces()
