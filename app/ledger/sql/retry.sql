-- name: hold_job
-- Locks a job and tells its state, and whether what it was asked to do was blanked with the people whom it was about.
SELECT state, orphan_identifier = '{}' AS blanked
FROM job
WHERE workspace_id = %(workspace_id)s AND id = %(job_id)s
FOR UPDATE

-- name: requeue_job
-- Lets a dead job wait for the relay again, with all its attempts before it; its last error stays until it runs.
-- Its batch has no end any more. Where a webhook wants to be told of the next one, it is watched for; one that is being
-- told of at this moment is waited for, or its deletion would take this watch along.
WITH requeued AS (
    UPDATE job
    SET
        state = 'queued',
        attempts = 0,
        strandings = 0,
        finished_at = NULL,
        published_at = NULL,
        lane = index,
        due_at = clock_timestamp()
    WHERE workspace_id = %(workspace_id)s AND id = %(job_id)s
    RETURNING workspace_id, batch_id, kind
)

INSERT INTO webhook_watch AS watch (workspace_id, batch_id, kind)
SELECT workspace_id, batch_id, kind
FROM requeued
WHERE EXISTS (SELECT 1 FROM webhook WHERE workspace_id = %(workspace_id)s AND enabled)
ON CONFLICT (workspace_id, batch_id) DO UPDATE SET since = excluded.since, look_at = excluded.look_at

-- name: find_workspace
-- Finds the workspace of a job: one index probe each.
SELECT workspace.workspace_id, workspace.name
FROM workspace
WHERE (%(name)s::text IS NULL OR workspace.name = %(name)s)
    AND EXISTS (SELECT 1 FROM job WHERE job.workspace_id = workspace.workspace_id AND job.id = %(job_id)s)
