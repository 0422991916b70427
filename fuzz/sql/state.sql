-- name: unhappy_jobs
-- Lists jobs that did not finish at the first attempt, although no fault was injected. A cancelled job has no attempt.
SELECT id, state, attempts, reason
FROM job
WHERE state <> 'finished' OR stalled_attempts <> 0 OR attempts <> CASE outcome WHEN 'cancelled' THEN 0 ELSE 1 END
ORDER BY id

-- name: job_count
-- Counts the jobs.
SELECT count(*) AS jobs FROM job

-- name: log_errors
-- Makes PostgreSQL log every error of this database with its SQLSTATE.
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET log_min_messages = error', current_database());
    EXECUTE format('ALTER DATABASE %I SET log_error_verbosity = verbose', current_database());
END $$
