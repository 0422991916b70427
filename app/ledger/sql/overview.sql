-- The queue and the failures of a workspace at a glance. Every count has a bound, so that the cost has one.

-- name: count_unfinished_and_dead
-- Counts the queued, running and dead jobs, each up to a bound.
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT FROM job WHERE workspace_id = %(workspace_id)s AND state = 'queued' LIMIT %(bound)s
        ) AS queued
    ) AS waiting,
    (
        SELECT count(*)
        FROM (
            SELECT FROM job WHERE workspace_id = %(workspace_id)s AND state = 'running' LIMIT %(bound)s
        ) AS running
    ) AS running,
    (
        SELECT count(*)
        FROM (
            SELECT FROM job WHERE workspace_id = %(workspace_id)s AND state = 'dead' LIMIT %(bound)s
        ) AS dead
    ) AS dead

-- name: count_dead_reasons
-- Counts the reasons of the jobs that died in the last hour, the most frequent first. Only the newest dead jobs are read, up
-- to a bound. A dead job has no outcome, so this order is that of the ids.
SELECT newest.reason, count(*) AS jobs
FROM (
    SELECT reason, finished_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'dead'
    ORDER BY outcome DESC, id DESC
    LIMIT %(read)s
) AS newest
WHERE newest.finished_at > now() - interval '1 hour'
GROUP BY newest.reason
ORDER BY jobs DESC, newest.reason
LIMIT %(limit)s
