-- Columns and the table of revision 0040. New databases have them from the file of their subject.

ALTER TABLE run
    ADD COLUMN priority smallint NOT NULL DEFAULT 3,  -- the urgency of the jobs of requests that name none
    -- The run is paused when more of its jobs have failed: a number, or a share in percent; null: without a limit.
    ADD COLUMN max_failures integer,
    ADD COLUMN max_failures_percent numeric,
    -- Ended and failed jobs that do not count for the limit: the ones before the run was resumed last.
    ADD COLUMN ended_before integer NOT NULL DEFAULT 0,
    ADD COLUMN failed_before integer NOT NULL DEFAULT 0;

-- A paused run. No worker begins one of its jobs while resumed_at is null. The relay delays the waiting ones to the year
-- 9000. After the run was resumed, the relay makes them due again, and deletes the row.
CREATE TABLE run_pause (
    workspace_id integer NOT NULL,
    run_id uuid NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL,
    resumed_at timestamptz,
    last_batch_id uuid,  -- of a resumed run: the last batch whose jobs are due again
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES run (workspace_id, id) ON DELETE CASCADE
);

ALTER TABLE run_pause ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON run_pause USING (workspace_id = current_workspace());
