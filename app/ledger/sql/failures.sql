-- name: add_failures
-- Adds a failed attempt of each of these jobs. An attempt without an end is added when the next one begins, unless it was
-- added when it failed. Two deliveries may add the same one at once; one row stays.
INSERT INTO failed_attempt (workspace_id, job_id, number, attempt, reason, task_id)
SELECT
    home.workspace_id, given.job_id, coalesce(newest.number, 0) + 1, given.attempt, given.reason, given.task_id
FROM workspace_home AS home
CROSS JOIN unnest(%(job_ids)s::uuid[], %(attempts)s::integer[], %(task_ids)s::uuid[], %(reasons)s::text[])
    AS given (job_id, attempt, task_id, reason)
LEFT JOIN LATERAL (
    SELECT earlier.number, earlier.attempt
    FROM failed_attempt AS earlier
    WHERE earlier.workspace_id = %(workspace_id)s AND earlier.job_id = given.job_id
    ORDER BY earlier.number DESC
    LIMIT 1
) AS newest ON TRUE
WHERE home.workspace_id = %(workspace_id)s
    AND (NOT %(unless_added)s OR newest.attempt IS DISTINCT FROM given.attempt)
ON CONFLICT (workspace_id, job_id, number) DO NOTHING

-- name: drop_old_failures
-- Deletes the oldest failed attempts of these jobs beyond the limit.
DELETE FROM failed_attempt
WHERE workspace_id = %(workspace_id)s AND job_id = ANY(%(job_ids)s::uuid[])
    AND number <= (
        SELECT max(newest.number)
        FROM failed_attempt AS newest
        WHERE newest.workspace_id = %(workspace_id)s AND newest.job_id = failed_attempt.job_id
    ) - %(most)s

-- name: read_failures
-- Lists the failed attempts of a job, newest last.
SELECT attempt, failed_at, reason, task_id
FROM failed_attempt
WHERE workspace_id = %(workspace_id)s AND job_id = %(job_id)s
ORDER BY number
