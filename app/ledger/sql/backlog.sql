-- The size of backlogs.

-- name: count_waiting_jobs
-- Counts the queued jobs of a workspace, up to a bound.
SELECT count(*) AS waiting
FROM (
    SELECT
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'queued'
    LIMIT %(bound)s
) AS queued
