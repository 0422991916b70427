-- name: some_jobs
-- Lists jobs to deliver once more: the newest ones, or running ones. It leaves out jobs that were never published: a
-- message would start a job that waits for an identification too early, which no relay does.
SELECT job.workspace_id, job.id
FROM job
JOIN workspace USING (workspace_id)
WHERE workspace.name = %(workspace)s AND (job.state = 'running' OR NOT %(running)s)
    AND (job.state <> 'queued' OR job.published_at IS NOT NULL OR job.attempts + job.stalled_attempts > 0)
ORDER BY job.id DESC
LIMIT 60
