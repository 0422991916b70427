-- How much waits.

-- name: count_waiting
-- Counts the jobs of a workspace that nobody has begun, up to the number from which on it does not matter.
SELECT count(*) AS waiting
FROM (
    SELECT
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'queued'
    LIMIT %(bound)s
) AS queued
