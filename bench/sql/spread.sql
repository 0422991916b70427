-- Queries that distribute the pairs of one workspace over many, and read the progress of their backlog.

-- name: add_workspaces
-- Adds workspaces after the first.
INSERT INTO workspace (workspace_id, name)
OVERRIDING SYSTEM VALUE
SELECT n, 'bench-' || n FROM generate_series(2, %(workspaces)s) AS n

-- name: spread_aliases
-- Moves each alias to the workspace of its pair. The ids of survivors and of orphans begin at 1, *room* apart.
UPDATE user_alias SET workspace_id = 1 + ((profile_id - 1) %% %(room)s) / %(each)s

-- name: spread_profiles
-- Moves each profile to the workspace of its pair.
UPDATE profile SET workspace_id = 1 + ((id - 1) %% %(room)s) / %(each)s

-- name: spread_batches
-- Moves each batch to the workspace of its jobs, which name survivors as customer-N.
UPDATE batch
SET workspace_id = 1 + substr(job.survivor_identifier ->> 'external_id', 10)::bigint / %(each)s
FROM job
WHERE job.batch_id = batch.id AND job.index = 0

-- name: spread_jobs
-- Moves each job to the workspace of its pair.
UPDATE job SET workspace_id = 1 + substr(survivor_identifier ->> 'external_id', 10)::bigint / %(each)s

-- name: count_ended
-- Counts the jobs that have ended.
SELECT count(*) AS jobs FROM job WHERE finished_at IS NOT NULL

-- name: is_drained
-- Returns whether all jobs have ended.
SELECT NOT EXISTS (SELECT FROM job WHERE finished_at IS NULL) AS drained

-- name: read_ends
-- Returns the end of the warm-up jobs and the end of the last job, in seconds since 1970.
SELECT
    extract(EPOCH FROM (SELECT finished_at FROM job ORDER BY finished_at OFFSET %(warm)s LIMIT 1))::float8 AS warm_at,
    extract(EPOCH FROM max(finished_at))::float8 AS last_at
FROM job
