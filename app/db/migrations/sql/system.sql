-- The processes of this installation, and the sums of jobs from which charts are drawn.

-- The last heartbeat of each process. Rows belong to the installation, not to a workspace, so that there is no row-level
-- security. A process deletes its row when it ends; rows that have not been renewed for an hour are deleted.
CREATE TABLE process_heartbeat (
    id uuid PRIMARY KEY,  -- UUID version 7, made by the process at its start
    kind text NOT NULL,  -- web, relay, worker or sender
    name text NOT NULL,  -- the node name of a worker, else the kind
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    schema_version text NOT NULL,  -- the revision that the code of the process needs
    broker_state text,  -- 'reachable', or the cause for which it waits; null if it does not use the broker
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    cell text,  -- MERGELANE_CELL
    key_peppers text[],  -- fingerprints of the peppers of web and sender; null for other processes
    webhook_peppers text[]
) WITH (fillfactor = 50);

-- What the jobs of a workspace did in one minute. The relay adds a row two minutes later, and none for a minute in which
-- no job was accepted, ended or unfinished.
CREATE TABLE job_minute (
    workspace_id integer NOT NULL REFERENCES workspace,
    begins_at timestamptz NOT NULL,
    accepted bigint NOT NULL,
    ended jsonb NOT NULL,  -- the number of jobs by outcome; 'dead' for dead ones
    unfinished bigint NOT NULL,  -- jobs at its end
    PRIMARY KEY (workspace_id, begins_at)
);

ALTER TABLE job_minute ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON job_minute USING (workspace_id = current_workspace());

-- The sums of the minutes of one hour, so that a chart of a week reads few rows. An hour without minutes has no row.
CREATE TABLE job_hour (
    workspace_id integer NOT NULL REFERENCES workspace,
    begins_at timestamptz NOT NULL,
    accepted bigint NOT NULL,
    ended jsonb NOT NULL,  -- the number of jobs by outcome; 'dead' for dead ones
    unfinished bigint NOT NULL,  -- jobs at its end
    PRIMARY KEY (workspace_id, begins_at)
);

ALTER TABLE job_hour ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON job_hour USING (workspace_id = current_workspace());

-- Returns the workspaces that have a minute to sum that ends by *until*: jobs ended since the last sum, or jobs
-- that were accepted before are unfinished. A few index lookups for each workspace: an unfinished job has no outcome, so the
-- order of both is that of the ids.
CREATE OR REPLACE FUNCTION workspaces_to_sum(until timestamptz) RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM open_workspace AS w
    LEFT JOIN LATERAL (
        SELECT minute.begins_at + interval '1 minute' AS ends_at
        FROM job_minute AS minute
        WHERE minute.workspace_id = w.workspace_id
        ORDER BY minute.begins_at DESC
        LIMIT 1
    ) AS summed ON TRUE
    CROSS JOIN LATERAL (
        (
            SELECT job.id
            FROM job
            WHERE job.workspace_id = w.workspace_id
                AND job.finished_at >= coalesce(summed.ends_at, workspaces_to_sum.until - interval '7 days')
                AND job.finished_at < workspaces_to_sum.until
            LIMIT 1
        )
        UNION ALL
        (
            SELECT oldest.id
            FROM (
                SELECT job.id, job.created_at
                FROM job
                WHERE job.workspace_id = w.workspace_id AND job.state = 'queued'
                ORDER BY job.outcome, job.id
                LIMIT 1
            ) AS oldest
            WHERE oldest.created_at < workspaces_to_sum.until
        )
        UNION ALL
        (
            SELECT oldest.id
            FROM (
                SELECT job.id, job.created_at
                FROM job
                WHERE job.workspace_id = w.workspace_id AND job.state = 'running'
                ORDER BY job.outcome, job.id
                LIMIT 1
            ) AS oldest
            WHERE oldest.created_at < workspaces_to_sum.until
        )
        LIMIT 1
    ) AS found
    WHERE summed.ends_at IS NULL OR summed.ends_at < workspaces_to_sum.until
    ORDER BY w.workspace_id;
END;

REVOKE ALL ON FUNCTION workspaces_to_sum(timestamptz) FROM PUBLIC;
