-- Jobs accepted, ended and unfinished, by time bucket. Every query reads indexes alone.

-- name: count_ended_by_bucket
-- Counts the jobs that ended in each bucket, by outcome; dead jobs have none.
SELECT date_bin(%(bucket)s, finished_at, %(since)s) AS starts_at, outcome, count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s
GROUP BY starts_at, outcome

-- name: count_accepted_by_bucket
-- Counts the jobs accepted in each bucket. The ids of jobs contain the time of acceptance.
SELECT bucket.starts_at, accepted.jobs
FROM unnest(%(starts)s::timestamptz[], %(first_ids)s::uuid[], %(next_ids)s::uuid[])
    AS bucket (starts_at, first_id, next_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id >= bucket.first_id AND id < bucket.next_id
) AS accepted

-- name: count_unfinished
-- Counts the queued and running jobs.
SELECT count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running')
