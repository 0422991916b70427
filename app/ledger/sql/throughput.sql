-- Jobs accepted, ended and unfinished, by time bucket.

-- name: count_ended_by_bucket
-- Counts the jobs that ended in each bucket, by outcome; dead jobs have none.
SELECT date_bin(%(bucket)s, finished_at, %(origin)s) AS starts_at, outcome, count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s
GROUP BY starts_at, outcome

-- name: count_accepted_by_bucket
-- Counts the jobs accepted in each bucket. Each of them either ended since the first bucket began, or has not ended. Ids
-- begin with the time of the acceptance, and an unfinished job has no outcome, so that an index finds the new ones.
SELECT date_bin(%(bucket)s, accepted.created_at, %(origin)s) AS starts_at, count(*) AS jobs
FROM (
    SELECT created_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s AND created_at >= %(since)s
    UNION ALL
    SELECT created_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running') AND outcome IS NULL
        AND id >= %(first_id)s AND created_at >= %(since)s
) AS accepted
GROUP BY starts_at

-- name: count_unfinished
-- Counts the queued and running jobs.
SELECT count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running')

-- name: count_unfinished_to_bound
-- Counts the queued and running jobs up to a bound.
SELECT count(*) AS jobs
FROM (
    SELECT FROM job WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running') LIMIT %(bound)s
) AS unfinished

-- name: read_last_sum
-- Reads the end of the last summed minute, and the jobs that were unfinished then.
SELECT begins_at + interval '1 minute' AS ends_at, unfinished
FROM job_minute
WHERE workspace_id = %(workspace_id)s
ORDER BY begins_at DESC
LIMIT 1

-- name: sum_minutes_by_bucket
-- Sums the minutes of each bucket, with the last minute that it has and the jobs that were unfinished then.
SELECT
    date_bin(%(bucket)s, begins_at, %(origin)s) AS starts_at, sum(accepted)::bigint AS accepted,
    max(begins_at) + interval '1 minute' AS ends_at,
    (array_agg(unfinished ORDER BY begins_at DESC))[1] AS unfinished
FROM job_minute
WHERE workspace_id = %(workspace_id)s AND begins_at >= %(since)s
GROUP BY starts_at

-- name: sum_hours_by_bucket
-- Does the same with hours.
SELECT
    date_bin(%(bucket)s, begins_at, %(origin)s) AS starts_at, sum(accepted)::bigint AS accepted,
    max(begins_at) + interval '1 hour' AS ends_at,
    (array_agg(unfinished ORDER BY begins_at DESC))[1] AS unfinished
FROM job_hour
WHERE workspace_id = %(workspace_id)s AND begins_at >= %(since)s
GROUP BY starts_at

-- name: sum_ended_minutes_by_bucket
-- Sums the ended jobs of the minutes of each bucket by outcome.
SELECT
    date_bin(%(bucket)s, minute.begins_at, %(origin)s) AS starts_at, nullif(ended.outcome, 'dead') AS outcome,
    sum(ended.jobs::bigint)::bigint AS jobs
FROM job_minute AS minute
CROSS JOIN LATERAL jsonb_each_text(minute.ended) AS ended (outcome, jobs)
WHERE minute.workspace_id = %(workspace_id)s AND minute.begins_at >= %(since)s
GROUP BY starts_at, ended.outcome

-- name: sum_ended_hours_by_bucket
-- Does the same with hours.
SELECT
    date_bin(%(bucket)s, hour.begins_at, %(origin)s) AS starts_at, nullif(ended.outcome, 'dead') AS outcome,
    sum(ended.jobs::bigint)::bigint AS jobs
FROM job_hour AS hour
CROSS JOIN LATERAL jsonb_each_text(hour.ended) AS ended (outcome, jobs)
WHERE hour.workspace_id = %(workspace_id)s AND hour.begins_at >= %(since)s
GROUP BY starts_at, ended.outcome

-- name: read_end_of_hours
-- Reads the end of the last summed hour; no row before the first.
SELECT begins_at + interval '1 hour' AS ends_at
FROM job_hour
WHERE workspace_id = %(workspace_id)s
ORDER BY begins_at DESC
LIMIT 1
