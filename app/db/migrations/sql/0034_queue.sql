-- Tables and columns of revision 0034. New databases have them from the files of their subjects.

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
    PRIMARY KEY (workspace_id, id)
);

ALTER TABLE queue_cancellation ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON queue_cancellation USING (workspace_id = current_workspace());

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

-- Cancelled jobs, and the urgency of jobs.
-- Harmless: the next statement adds a check that allows more.
ALTER TABLE job DROP CONSTRAINT job_outcome_check;
-- Harmless: 'cancelled' is a value.
ALTER TABLE job ADD CONSTRAINT job_outcome_check CHECK (outcome IN (
    'refused_identifier', 'orphan_ambiguous', 'survivor_ambiguous', 'orphan_not_found', 'survivor_not_found',
    'already_merged', 'same_profile', 'orphan_identified', 'alias_conflict', 'protected', 'invalid_phones',
    'survivor_limit', 'merged', 'identified', 'undone', 'undone_in_part', 'not_undoable', 'cancelled'
)) NOT VALID;
ALTER TABLE job ADD COLUMN priority smallint NOT NULL DEFAULT 3;
ALTER TABLE job ADD CONSTRAINT priority_is_an_urgency CHECK (priority BETWEEN 0 AND 7) NOT VALID;
