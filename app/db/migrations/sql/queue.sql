-- The control of the queue: workspaces pause their jobs, and cap how many begin.

-- What a workspace has set for its queue. A workspace without a row runs without a limit.
CREATE TABLE queue_control (
    workspace_id integer NOT NULL REFERENCES workspace,
    paused_at timestamptz,  -- null while the queue runs
    paused_by uuid,  -- the key that paused it; null for an operator
    merges_per_minute_limit integer CHECK (merges_per_minute_limit > 0),  -- null: no limit
    -- The published jobs use the limit up to this time. The relay publishes no job before it.
    paced_at timestamptz,
    PRIMARY KEY (workspace_id),
    CONSTRAINT paused_by_when_paused CHECK (paused_by IS NULL OR paused_at IS NOT NULL)
);

ALTER TABLE queue_control ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON queue_control USING (workspace_id = current_workspace());

-- A request to cancel the jobs that waited in the queue when it came. No worker begins such a job from then on. The relay
-- gives the jobs their outcome in the background, and then deletes the row.
CREATE TABLE queue_cancellation (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    cancelled_at timestamptz NOT NULL DEFAULT now(),  -- jobs that were accepted later are not cancelled
    kind text,  -- only jobs of this kind; null: all
    source text,  -- only jobs of batches with this source; null: all
    priority smallint,  -- only jobs of this urgency; null: all
    reason text NOT NULL,  -- of the cancelled jobs: names the key
    last_job_id uuid,  -- where the next step begins; null at the first one
    run_id uuid,  -- only jobs of this run, and last_job_id is its last batch; null: of all
    PRIMARY KEY (workspace_id, id)
);

ALTER TABLE queue_cancellation ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON queue_cancellation USING (workspace_id = current_workspace());

-- Returns the workspaces with jobs to cancel in the background.
CREATE OR REPLACE FUNCTION workspaces_with_cancellations() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT cancellation.workspace_id
    FROM queue_cancellation AS cancellation
    JOIN open_workspace AS w ON w.workspace_id = cancellation.workspace_id
    ORDER BY cancellation.workspace_id;
END;

-- Returns the workspaces that have paused their queue, for metrics.
CREATE OR REPLACE FUNCTION paused_workspaces() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT control.workspace_id
    FROM queue_control AS control
    JOIN open_workspace AS w ON w.workspace_id = control.workspace_id
    WHERE control.paused_at IS NOT NULL
    ORDER BY control.workspace_id;
END;

REVOKE ALL ON FUNCTION paused_workspaces(), workspaces_with_cancellations() FROM PUBLIC;
