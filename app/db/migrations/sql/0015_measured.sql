-- What operators measure: every batch knows the request that made it, and what waits is told by workspace.

-- From a POST to its outcome one id: the request's, and where its trace goes on. Batches of nobody's request have none.
ALTER TABLE batch
    ADD COLUMN request_id text,
    ADD COLUMN traceparent text;  -- W3C Trace Context, of the request's own span

-- How many jobs of each workspace wait, run and are dead, counted up to a bound each, and for how many seconds the oldest
-- has waited; of so many workspaces at most, those first whose oldest job has waited longest. *workspaces* says how
-- many there are. Every probe is one into an index, and so is every count.
CREATE FUNCTION measured_workspaces(most integer, bound integer) RETURNS TABLE (
    workspace_id integer, workspaces bigint, oldest_s double precision, queued bigint, running bigint, dead bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT
        told.workspace_id, told.workspaces,
        extract(EPOCH FROM clock_timestamp() - told.oldest)::double precision,
        queued.jobs, running.jobs, dead.jobs
    FROM (
        SELECT w.workspace_id, waiting.created_at AS oldest, count(*) OVER () AS workspaces
        FROM workspace AS w
        -- A job that has not ended has no outcome, so the order is that of its ids, which is that of their making.
        LEFT JOIN LATERAL (
            SELECT job.created_at
            FROM job
            WHERE job.workspace_id = w.workspace_id AND job.state = 'queued'
            ORDER BY job.outcome, job.id
            LIMIT 1
        ) AS waiting ON TRUE
        LEFT JOIN LATERAL (
            SELECT TRUE AS found
            FROM job
            WHERE job.workspace_id = w.workspace_id AND job.state IN ('running', 'dead')
            LIMIT 1
        ) AS other ON TRUE
        WHERE waiting.created_at IS NOT NULL OR other.found
        ORDER BY waiting.created_at NULLS LAST, w.workspace_id
        LIMIT measured_workspaces.most
    ) AS told
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs
        FROM (
            SELECT FROM job
            WHERE job.workspace_id = told.workspace_id AND job.state = 'queued'
            LIMIT measured_workspaces.bound
        ) AS found
    ) AS queued
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs
        FROM (
            SELECT FROM job
            WHERE job.workspace_id = told.workspace_id AND job.state = 'running'
            LIMIT measured_workspaces.bound
        ) AS found
    ) AS running
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs
        FROM (
            SELECT FROM job
            WHERE job.workspace_id = told.workspace_id AND job.state = 'dead'
            LIMIT measured_workspaces.bound
        ) AS found
    ) AS dead
    ORDER BY told.oldest NULLS LAST, told.workspace_id;
END;

REVOKE ALL ON FUNCTION measured_workspaces(integer, integer) FROM PUBLIC;
