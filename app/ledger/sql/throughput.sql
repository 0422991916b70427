-- Jobs accepted, ended and unfinished, by time bucket.

-- name: count_ended_by_bucket
-- Counts the jobs that ended in each bucket, by outcome; dead jobs have none.
SELECT date_bin(%(bucket)s, finished_at, %(since)s) AS starts_at, outcome, count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s
GROUP BY starts_at, outcome

-- name: count_accepted_by_bucket
-- Counts the jobs accepted in each bucket. Each of them either ended since the first bucket began, or has not ended.
SELECT date_bin(%(bucket)s, accepted.created_at, %(since)s) AS starts_at, count(*) AS jobs
FROM (
    SELECT created_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s AND created_at >= %(since)s
    UNION ALL
    SELECT created_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running') AND created_at >= %(since)s
) AS accepted
GROUP BY starts_at

-- name: count_unfinished
-- Counts the queued and running jobs.
SELECT count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running')
