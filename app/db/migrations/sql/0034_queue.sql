-- Tables of revision 0034. New databases have them from the files of their subjects.

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

-- Harmless: it only notifies.
CREATE TRIGGER wake_relay AFTER INSERT OR UPDATE OF paused_at, merges_per_minute_limit ON queue_control
    FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'job'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_job');

-- The actions on the queue.
-- Harmless: the next statement adds a check that allows more.
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_action_check;
-- Harmless: the last four are values.
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_action_check CHECK (action IN (
    'delete', 'rename', 'remove', 'consent', 'exclude', 'allow', 'erasure', 'pause', 'resume', 'limit', 'cancel'
)) NOT VALID;
