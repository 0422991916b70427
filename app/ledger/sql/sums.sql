-- The sums of jobs by minute.

-- name: workspaces_to_sum
-- Lists the workspaces that have a minute to sum. The last two minutes are left out: transactions that began in them may
-- still commit jobs.
SELECT workspace_id, clock.until
FROM (SELECT date_trunc('minute', now() - interval '2 minutes') AS until) AS clock
CROSS JOIN LATERAL workspaces_to_sum(clock.until)

-- name: find_last_minute
-- Returns the end of the last minute to sum.
SELECT date_trunc('minute', now() - interval '2 minutes') AS until

-- name: find_first_event
-- Finds when the first job was accepted or ended since a time; null without one.
SELECT
    least(
        (
            SELECT finished_at
            FROM job
            WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s
            ORDER BY finished_at
            LIMIT 1
        ),
        (
            SELECT created_at
            FROM job
            WHERE workspace_id = %(workspace_id)s AND id >= %(first_id)s AND created_at >= %(since)s
            ORDER BY id
            LIMIT 1
        )
    ) AS at

-- name: count_ended_between
-- Counts the jobs that ended in each minute of an interval, by outcome; dead jobs have none.
SELECT date_bin('1 minute', finished_at, %(since)s) AS starts_at, outcome, count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s AND finished_at < %(until)s
GROUP BY starts_at, outcome

-- name: count_accepted_between
-- Counts the jobs that were accepted in each minute of an interval. Ids begin with the time of the acceptance.
SELECT date_bin('1 minute', created_at, %(since)s) AS starts_at, count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND id >= %(first_id)s AND id < %(last_id)s
    AND created_at >= %(since)s AND created_at < %(until)s
GROUP BY starts_at

-- name: add_sum
-- Adds a minute, unless another relay has added it.
INSERT INTO job_minute (workspace_id, begins_at, accepted, ended, unfinished)
VALUES (%(workspace_id)s, %(begins_at)s, %(accepted)s, %(ended)s, %(unfinished)s)
ON CONFLICT (workspace_id, begins_at) DO NOTHING

-- name: add_hour
-- Adds an hour from its minutes, unless another relay has added it, or no minute had jobs.
INSERT INTO job_hour (workspace_id, begins_at, accepted, ended, unfinished)
SELECT
    home.workspace_id, %(begins_at)s::timestamptz, minutes.accepted, coalesce(outcomes.ended, '{}'),
    CASE WHEN minutes.last_at = %(begins_at)s::timestamptz + interval '59 minutes' THEN minutes.unfinished ELSE 0 END
FROM workspace_home AS home
CROSS JOIN (
    SELECT
        sum(accepted) AS accepted, max(begins_at) AS last_at,
        (array_agg(unfinished ORDER BY begins_at DESC))[1] AS unfinished
    FROM job_minute
    WHERE workspace_id = %(workspace_id)s
        AND begins_at >= %(begins_at)s AND begins_at < %(begins_at)s::timestamptz + interval '1 hour'
) AS minutes
CROSS JOIN (
    SELECT jsonb_object_agg(by_outcome.outcome, by_outcome.jobs) AS ended
    FROM (
        SELECT ended.outcome, sum(ended.jobs::bigint) AS jobs
        FROM job_minute AS minute
        CROSS JOIN LATERAL jsonb_each_text(minute.ended) AS ended (outcome, jobs)
        WHERE minute.workspace_id = %(workspace_id)s
            AND minute.begins_at >= %(begins_at)s AND minute.begins_at < %(begins_at)s::timestamptz + interval '1 hour'
        GROUP BY ended.outcome
    ) AS by_outcome
) AS outcomes
WHERE home.workspace_id = %(workspace_id)s AND minutes.last_at IS NOT NULL
ON CONFLICT (workspace_id, begins_at) DO NOTHING

-- name: prune_hours
-- Deletes hours that no chart shows any more.
DELETE FROM job_hour WHERE workspace_id = %(workspace_id)s AND begins_at < now() - interval '8 days'

-- name: prune_sums
-- Deletes minutes that no chart shows any more.
DELETE FROM job_minute WHERE workspace_id = %(workspace_id)s AND begins_at < now() - interval '8 days'
