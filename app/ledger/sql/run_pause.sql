-- Runs that are paused because too many of their jobs failed.

-- name: lock_limits
-- Locks the runs among these that have a limit of failures and are not paused, and returns their limits.
SELECT run.id, run.max_failures, run.max_failures_percent, run.ended_before, run.failed_before
FROM run
WHERE run.workspace_id = %(workspace_id)s AND run.id = ANY(%(ids)s)
    AND (run.max_failures IS NOT NULL OR run.max_failures_percent IS NOT NULL)
    AND run.state IN ('open', 'running') AND run.cancelled_at IS NULL
    AND (
        SELECT pause.run_id
        FROM run_pause AS pause
        WHERE pause.workspace_id = %(workspace_id)s AND pause.run_id = run.id AND pause.resumed_at IS NULL
    ) IS NULL
ORDER BY run.id
FOR NO KEY UPDATE OF run

-- name: pause_run
-- Pauses a run: no worker begins one of its jobs after the transaction has committed.
INSERT INTO run_pause (workspace_id, run_id, paused_at, reason)
VALUES (%(workspace_id)s, %(id)s, statement_timestamp(), %(reason)s)
ON CONFLICT (workspace_id, run_id) DO UPDATE
SET paused_at = excluded.paused_at, reason = excluded.reason, resumed_at = NULL, last_batch_id = NULL

-- name: lock_pause
-- Locks a run, and returns its state and whether it is paused, its limit, and its counted jobs.
SELECT
    run.state, run.max_failures, run.max_failures_percent,
    (
        SELECT progress.counts
        FROM run_progress AS progress
        WHERE progress.workspace_id = %(workspace_id)s AND progress.run_id = run.id
    ) AS counts,
    (
        SELECT pause.reason
        FROM run_pause AS pause
        WHERE pause.workspace_id = %(workspace_id)s AND pause.run_id = run.id AND pause.resumed_at IS NULL
    ) AS reason
FROM run
WHERE run.workspace_id = %(workspace_id)s AND run.id = %(id)s
FOR NO KEY UPDATE OF run

-- name: save_limit
-- Saves the limit of a resumed run. Jobs that have ended or failed before do not count for it.
UPDATE run
SET
    max_failures = %(max_failures)s, max_failures_percent = %(max_failures_percent)s,
    ended_before = %(ended_before)s, failed_before = %(failed_before)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: resume_run
-- Lets workers begin the jobs of a run again. The relay makes the delayed ones due.
UPDATE run_pause
SET resumed_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s AND run_id = %(id)s AND resumed_at IS NULL

-- name: end_pauses
-- Ends the pauses of runs that have no job left to begin.
DELETE FROM run_pause WHERE workspace_id = %(workspace_id)s AND run_id = ANY(%(ids)s)

-- name: lock_paused_runs
-- Locks those of the runs that are paused against being resumed.
SELECT run_id
FROM run_pause
WHERE workspace_id = %(workspace_id)s AND run_id = ANY(%(ids)s) AND resumed_at IS NULL
ORDER BY run_id
FOR SHARE

-- name: delay_jobs
-- Delays pending jobs until their runs are resumed, so that the relay need not read past them.
UPDATE job
SET due_at = '9000-01-01 00:00+00'
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state = 'queued' AND published_at IS NULL

-- name: lock_resumed_run
-- Locks the pause of a resumed run whose jobs are not all due again, unless another relay has.
SELECT run_id, last_batch_id
FROM run_pause
WHERE workspace_id = %(workspace_id)s AND resumed_at IS NOT NULL
ORDER BY run_id
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: make_jobs_due
-- Makes the delayed jobs of batches due at once.
UPDATE job
SET due_at = delayed.due_at
FROM (
    SELECT id, now() - interval '100 years' + (priority - 3) * interval '1826 days' AS due_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s) AND (state = 'queued') IS TRUE
        AND published_at IS NULL AND due_at = '9000-01-01 00:00+00'
    FOR UPDATE
) AS delayed
WHERE job.workspace_id = %(workspace_id)s AND job.id = delayed.id

-- name: save_place
-- Records the last batch whose jobs are due again.
UPDATE run_pause SET last_batch_id = %(last_batch_id)s WHERE workspace_id = %(workspace_id)s AND run_id = %(id)s
