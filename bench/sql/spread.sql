-- What spreads the pairs of one workspace over many, and reads how their backlog is drained.

-- name: add_workspaces
-- Adds workspaces behind the first.
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
-- Whether all jobs have ended.
SELECT NOT EXISTS (SELECT FROM job WHERE finished_at IS NULL) AS drained

-- name: read_ends
-- Reads the time when the first jobs, the warm-up, had ended, and when the last had, in seconds since 1970.
SELECT
    extract(EPOCH FROM (SELECT finished_at FROM job ORDER BY finished_at OFFSET %(warm)s LIMIT 1))::float8 AS warm_at,
    extract(EPOCH FROM max(finished_at))::float8 AS last_at
FROM job
