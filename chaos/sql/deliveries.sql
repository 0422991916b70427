-- name: some_jobs
-- Lists jobs to deliver once more: the newest ones, or running ones.
SELECT job.workspace_id, job.id
FROM job
JOIN workspace USING (workspace_id)
WHERE workspace.name = %(workspace)s AND (job.state = 'running' OR NOT %(running)s)
ORDER BY job.id DESC
LIMIT 60
