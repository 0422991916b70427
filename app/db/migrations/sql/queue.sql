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

-- Returns the workspaces that have paused their queue, for metrics.
CREATE OR REPLACE FUNCTION paused_workspaces() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT control.workspace_id
    FROM queue_control AS control
    WHERE control.paused_at IS NOT NULL
    ORDER BY control.workspace_id;
END;

REVOKE ALL ON FUNCTION paused_workspaces() FROM PUBLIC;
