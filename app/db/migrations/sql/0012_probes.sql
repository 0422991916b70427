-- Which workspaces have something to do is a probe into an index for each of them, whatever the statistics say. As EXISTS
-- it was a join, and one that read a whole backlog while the statistics were older than it: seconds for a million jobs.

-- The workspaces that have a lane due to be published.
CREATE OR REPLACE FUNCTION workspaces_with_pending_jobs() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM workspace AS w
    CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = w.workspace_id
            AND job.state = 'queued' AND job.published_at IS NULL AND job.lane = job.index AND job.due_at <= now()
        ORDER BY job.due_at, job.id
        LIMIT 1
    ) AS due
    ORDER BY w.workspace_id;
END;

-- The workspaces that have published, unfinished jobs.
CREATE OR REPLACE FUNCTION workspaces_under_way() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM workspace AS w
    CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = w.workspace_id
            AND job.state IN ('queued', 'running') AND job.published_at IS NOT NULL
        ORDER BY job.published_at
        LIMIT 1
    ) AS under_way
    ORDER BY w.workspace_id;
END;
