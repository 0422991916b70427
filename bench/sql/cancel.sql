-- Queries of the part `cancel`.

-- name: read_progress
-- Counts the jobs that have ended, up to a bound, and returns whether no cancellation is left.
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT FROM job WHERE workspace_id = %(workspace_id)s AND finished_at IS NOT NULL LIMIT 1000
        ) AS first
    ) AS ended,
    NOT EXISTS (SELECT 1 FROM queue_cancellation WHERE workspace_id = %(workspace_id)s) AS settled

-- name: read_cancelled
-- Counts the cancelled jobs, and returns the seconds from the cancellation to the start of the last other job.
SELECT
    count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled,
    coalesce(
        extract(
            EPOCH FROM max(started_at) - (
                SELECT max(at) FROM audit_entry WHERE workspace_id = %(workspace_id)s AND action = 'cancel'
            )
        ),
        0
    )::double precision AS last_begun_s
FROM job
WHERE workspace_id = %(workspace_id)s
