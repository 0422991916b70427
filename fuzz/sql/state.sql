-- name: unhappy_jobs
-- Jobs that are not finished, or needed more than one attempt, when nothing was in their way.
SELECT id, state, attempts, reason
FROM job
WHERE state <> 'finished' OR attempts <> 1 OR strandings <> 0
ORDER BY id

-- name: job_count
-- How many jobs there are.
SELECT count(*) AS jobs FROM job

-- name: tell_errors
-- Has this database write every error to the server's log, with its SQLSTATE.
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET log_min_messages = error', current_database());
    EXECUTE format('ALTER DATABASE %I SET log_error_verbosity = verbose', current_database());
END $$
