-- Create a backlog, and measure the duration of a batch.

-- name: make_profiles
-- Writes two profiles for each job of the backlog.
INSERT INTO profile (workspace_id, braze_id, external_id, created_at, updated_at, random_bucket)
SELECT
    workspace.workspace_id, 'ba' || lpad(to_hex(number), 22, '0'), 'backlog-' || number, now(), now(), number %% 10000
FROM workspace
CROSS JOIN generate_series(1, 2 * %(jobs)s) AS number
WHERE workspace.name = %(workspace)s

-- name: make_backlog
-- Writes batches of fifty due jobs; each job merges two of the profiles.
WITH batch_of AS MATERIALIZED (
    SELECT workspace.workspace_id, uuidv7() AS id, number
    FROM workspace
    CROSS JOIN generate_series(0, (%(jobs)s - 1) / 50) AS number
    WHERE workspace.name = %(workspace)s
),

written AS (
    INSERT INTO batch (workspace_id, id, path)
    SELECT workspace_id, id, '/users/merge' FROM batch_of
)

INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys
)
SELECT
    batch_of.workspace_id, uuidv7(), batch_of.id, index, 'merge', index,
    jsonb_build_object('external_id', 'backlog-' || 2 * job.number - 1),
    jsonb_build_object('external_id', 'backlog-' || 2 * job.number),
    ARRAY['backlog-' || 2 * job.number - 1, 'backlog-' || 2 * job.number]
FROM batch_of
CROSS JOIN generate_series(0, 49) AS index
CROSS JOIN LATERAL (SELECT 50 * batch_of.number + index + 1 AS number) AS job
WHERE job.number <= %(jobs)s

-- name: analyze_tables
-- Updates the planner's statistics.
ANALYZE profile, batch, job

-- name: finished
-- Counts the finished and the unfinished jobs of a workspace.
SELECT
    count(*) FILTER (WHERE job.state = 'finished') AS finished,
    count(*) FILTER (WHERE job.state <> 'finished') AS waiting
FROM job
INNER JOIN workspace ON workspace.workspace_id = job.workspace_id
WHERE workspace.name = %(workspace)s

-- name: took
-- Returns the seconds from the acceptance of a batch until its first and its last job finished; no row before that.
SELECT
    extract(EPOCH FROM min(job.finished_at) - batch.created_at)::double precision AS first_s,
    extract(EPOCH FROM max(job.finished_at) - batch.created_at)::double precision AS last_s
FROM batch
INNER JOIN job ON job.workspace_id = batch.workspace_id AND job.batch_id = batch.id
WHERE batch.id = %(batch_id)s
GROUP BY batch.created_at
HAVING bool_and(job.state = 'finished')
