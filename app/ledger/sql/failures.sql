-- name: add_failures
-- Adds a failed attempt of each of these jobs and drops the oldest one beyond the limit. An attempt without an end is added
-- when the next one begins, unless it was added when it failed. Two deliveries may add the same one at once; one row stays.
WITH failed AS (
    SELECT given.job_id, given.attempt, given.task_id, given.reason, coalesce(newest.number, 0) + 1 AS number
    FROM unnest(%(job_ids)s::uuid[], %(attempts)s::integer[], %(task_ids)s::uuid[], %(reasons)s::text[])
        AS given (job_id, attempt, task_id, reason)
    LEFT JOIN LATERAL (
        SELECT earlier.number, earlier.attempt
        FROM failed_attempt AS earlier
        WHERE earlier.workspace_id = %(workspace_id)s AND earlier.job_id = given.job_id
        ORDER BY earlier.number DESC
        LIMIT 1
    ) AS newest ON TRUE
    WHERE NOT %(unless_added)s OR newest.attempt IS DISTINCT FROM given.attempt
),

dropped AS (
    DELETE FROM failed_attempt AS old
    USING failed
    WHERE old.workspace_id = %(workspace_id)s AND old.job_id = failed.job_id AND old.number <= failed.number - %(most)s
)

INSERT INTO failed_attempt (workspace_id, job_id, number, attempt, reason, task_id)
SELECT %(workspace_id)s, failed.job_id, failed.number, failed.attempt, failed.reason, failed.task_id
FROM failed
ON CONFLICT (workspace_id, job_id, number) DO NOTHING

-- name: read_failures
-- Lists the failed attempts of a job, newest last.
SELECT attempt, failed_at, reason, task_id
FROM failed_attempt
WHERE workspace_id = %(workspace_id)s AND job_id = %(job_id)s
ORDER BY number
