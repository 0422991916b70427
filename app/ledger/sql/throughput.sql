-- What was accepted, what ended, and what is unfinished, stretch by stretch. All three are read from indexes alone.

-- name: settled_by_stretch
-- How many jobs ended in each stretch of time with which outcome; dead ones without.
SELECT date_bin(%(stretch)s, finished_at, %(since)s) AS begins_at, outcome, count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s
GROUP BY begins_at, outcome

-- name: accepted_by_stretch
-- How many jobs were accepted in each stretch of time: their ids tell when they were made.
SELECT stretch.begins_at, accepted.jobs
FROM unnest(%(begins)s::timestamptz[], %(first_ids)s::uuid[], %(next_ids)s::uuid[])
    AS stretch (begins_at, first_id, next_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id >= stretch.first_id AND id < stretch.next_id
) AS accepted

-- name: count_unfinished
-- How many jobs wait or run.
SELECT count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running')
