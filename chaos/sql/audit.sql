-- name: unsettled
-- Counts the jobs that are neither finished nor dead, and the runs and cancellations that are unfinished.
SELECT
    (SELECT count(*) FROM job WHERE state IN ('queued', 'running'))
    + (SELECT count(*) FROM run WHERE state = 'running')
    + (SELECT count(*) FROM queue_cancellation) AS jobs

-- name: jobs_of_batches
-- Lists every job with its outcome.
SELECT
    job.batch_id, job.index, job.id, job.state, job.outcome, job.undone_at, job.reason, job.attempts,
    job.stalled_attempts, job.created_at, job.finished_at, batch.run_id
FROM job
JOIN batch ON batch.workspace_id = job.workspace_id AND batch.id = job.batch_id
ORDER BY job.batch_id, job.index

-- name: members
-- Lists the history of each member and the profile that has it now. A member's events contain its name.
WITH named AS (
    SELECT workspace_id, origin_id, properties ->> 'member' AS member, count(*) AS logins
    FROM custom_event
    GROUP BY workspace_id, origin_id, properties ->> 'member'
)

SELECT
    named.member, named.origin_id, named.logins,
    coalesce(origin.profile_id, profile.id) AS profile_id,
    bought.purchases, coalesce(bought.cents, 0)::bigint AS cents, used.sessions
FROM named
LEFT JOIN origin USING (workspace_id, origin_id)
LEFT JOIN profile ON profile.workspace_id = named.workspace_id AND profile.id = named.origin_id
CROSS JOIN LATERAL (
    SELECT count(*) AS purchases, sum(price_cents) AS cents
    FROM purchase
    WHERE purchase.workspace_id = named.workspace_id AND purchase.origin_id = named.origin_id
) AS bought
CROSS JOIN LATERAL (
    SELECT count(*) AS sessions
    FROM session
    WHERE session.workspace_id = named.workspace_id AND session.origin_id = named.origin_id
) AS used

-- name: sums_of_profiles
-- The summaries of every live profile.
SELECT
    id, external_id, session_count AS sessions, purchase_count AS purchases, revenue_cents AS cents,
    coalesce((custom_events -> 'login' ->> 'count')::bigint, 0) AS logins,
    coalesce((purchases -> 'hat' ->> 'count')::bigint, 0) AS hats,
    coalesce((apps -> 'shop' ->> 'sessions')::bigint, 0) AS app_sessions
FROM profile

-- name: orphans_that_live
-- Lists merged-away profiles that still have a row, although their merge was not undone.
SELECT record.orphan_id AS id
FROM merge_record AS record
JOIN job ON job.workspace_id = record.workspace_id AND job.id = record.job_id AND job.undone_at IS NULL
JOIN profile ON profile.workspace_id = record.workspace_id AND profile.id = record.orphan_id

-- name: merged_more_than_once
-- Lists profiles that were merged away by more than one job that was not undone.
SELECT record.orphan_id AS id
FROM merge_record AS record
JOIN job ON job.workspace_id = record.workspace_id AND job.id = record.job_id AND job.undone_at IS NULL
GROUP BY record.workspace_id, record.orphan_id
HAVING count(*) > 1

-- name: merges_without_record
-- Lists jobs that merged without a record, or whose record names other profiles than the job.
SELECT job.id
FROM job
LEFT JOIN merge_record AS record ON record.workspace_id = job.workspace_id AND record.job_id = job.id
WHERE job.outcome = 'merged'
    AND (record.orphan_id, record.survivor_id) IS DISTINCT FROM (job.orphan_id, job.survivor_id)

-- name: records_without_merge
-- Lists records of merges whose job did not merge.
SELECT record.job_id AS id
FROM merge_record AS record
JOIN job ON job.workspace_id = record.workspace_id AND job.id = record.job_id
WHERE job.outcome IS DISTINCT FROM 'merged'

-- name: history_without_profile
-- Lists origins whose history belongs to no live profile.
SELECT DISTINCT history.origin_id AS id
FROM (
    SELECT workspace_id, origin_id FROM custom_event
    UNION
    SELECT workspace_id, origin_id FROM purchase
    UNION
    SELECT workspace_id, origin_id FROM session
) AS history
LEFT JOIN origin USING (workspace_id, origin_id)
LEFT JOIN profile
    ON profile.workspace_id = history.workspace_id AND profile.id = coalesce(origin.profile_id, history.origin_id)
WHERE profile.id IS NULL

-- name: origins_that_live
-- Lists live profiles whose own history belongs to another profile.
SELECT origin.origin_id AS id
FROM origin
JOIN profile ON profile.workspace_id = origin.workspace_id AND profile.id = origin.origin_id

-- name: redirects_astray
-- Lists redirects that form a cycle, end at no live profile, or at another profile than the orphan's history.
WITH RECURSIVE way AS (
    SELECT workspace_id, orphan_id, survivor_id AS place, 1 AS steps FROM redirect
    UNION ALL
    SELECT way.workspace_id, way.orphan_id, redirect.survivor_id, way.steps + 1
    FROM way
    JOIN redirect ON redirect.workspace_id = way.workspace_id AND redirect.orphan_id = way.place
    WHERE way.steps < 10000
),

ends AS (
    SELECT DISTINCT ON (workspace_id, orphan_id) workspace_id, orphan_id, place, steps
    FROM way
    ORDER BY workspace_id, orphan_id, steps DESC
)

SELECT ends.orphan_id AS id
FROM ends
LEFT JOIN origin ON origin.workspace_id = ends.workspace_id AND origin.origin_id = ends.orphan_id
LEFT JOIN profile ON profile.workspace_id = ends.workspace_id AND profile.id = ends.place
WHERE ends.steps >= 10000 OR profile.id IS NULL OR origin.profile_id IS DISTINCT FROM ends.place

-- name: orphans_without_redirect
-- Lists merged-away profiles without a redirect.
SELECT record.orphan_id AS id
FROM merge_record AS record
JOIN job ON job.workspace_id = record.workspace_id AND job.id = record.job_id AND job.undone_at IS NULL
LEFT JOIN redirect ON redirect.workspace_id = record.workspace_id AND redirect.orphan_id = record.orphan_id
WHERE redirect.orphan_id IS NULL

-- name: aliases_without_profile
-- Lists aliases without a live profile.
SELECT user_alias.name AS id
FROM user_alias
LEFT JOIN profile ON profile.workspace_id = user_alias.workspace_id AND profile.id = user_alias.profile_id
WHERE profile.id IS NULL

-- name: forget_activity
-- Makes the next query read the activity of the server again.
SELECT pg_stat_clear_snapshot()

-- name: open_transactions
-- Lists open transactions of the product, and its advisory locks, except those of a process that sleeps
-- (app/db/migrations/sql/wakeups.sql).
SELECT
    activity.pid, activity.xact_start,
    concat_ws(' ', activity.pid, activity.application_name, activity.state, left(activity.query, 100)) AS id
FROM pg_stat_activity AS activity
WHERE activity.application_name LIKE 'mergelane-%%'
    AND activity.datname = current_database()
    AND (
        activity.state LIKE 'idle in transaction%%'
        OR EXISTS (
            SELECT 1
            FROM pg_locks
            WHERE pg_locks.pid = activity.pid AND pg_locks.locktype = 'advisory' AND pg_locks.classid <> 1835823980
        )
        OR activity.xact_start < clock_timestamp() - interval '5 seconds'
    )
