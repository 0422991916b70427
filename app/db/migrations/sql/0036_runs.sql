-- Tables and columns of revision 0036. New databases have them from the files of their subjects. The next revision builds
-- the indexes of batch.

-- One run. Requests that join it lock this row in share mode, so that a closed run gets no further batch. What changes
-- while its jobs run is in run_progress.
CREATE TABLE run (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    kind text NOT NULL CHECK (kind IN ('client', 'file', 'import', 'plan', 'duplicates', 'undo', 'bulk')),
    label text,
    -- Open: requests may join it. Running: it is closed, or it makes its batches itself. Finished: all jobs have ended.
    state text NOT NULL CHECK (state IN ('open', 'running', 'finished', 'cancelled', 'failed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    api_key_id uuid,  -- the key of the request
    request_id text,
    closed_at timestamptz,  -- from then on it gets no batch
    finished_at timestamptz,
    undoes_run uuid,  -- for an undo: the run that it undoes
    undone_by_run uuid,  -- the last undo of this run
    -- For an undo that has not made all of its batches: {phase, cursor}, where the next step begins.
    undo_step jsonb,
    results jsonb NOT NULL DEFAULT '{}',  -- for an import: lines by their result
    cancelled_at timestamptz,  -- from then on no worker begins one of its jobs
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT undo_names_its_run CHECK ((kind = 'undo') = (undoes_run IS NOT NULL)),
    CONSTRAINT open_until_closed CHECK (state <> 'open' OR closed_at IS NULL),
    CONSTRAINT finished_at_when_ended CHECK ((finished_at IS NOT NULL) = (state IN ('finished', 'cancelled', 'failed')))
);
CREATE INDEX run_by_state ON run (workspace_id, state, id);

ALTER TABLE run ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON run USING (workspace_id = current_workspace());


-- The counted batches and jobs of a run. The relay counts a batch when it is new and when its jobs have changed, and adds
-- the difference here, so that reading a run costs the same for any number of jobs.
CREATE TABLE run_progress (
    workspace_id integer NOT NULL,
    run_id uuid NOT NULL,
    batches integer NOT NULL DEFAULT 0,
    settled_batches integer NOT NULL DEFAULT 0,  -- batches whose jobs are all finished or dead
    counts jsonb NOT NULL DEFAULT '{}',  -- jobs by outcome, or by state while they have none
    kinds text[] NOT NULL DEFAULT '{}',  -- kinds of the jobs
    first_ended_at timestamptz,  -- when the first job ended
    last_ended_at timestamptz,
    samples jsonb NOT NULL DEFAULT '[]',  -- [[seconds since the epoch, ended jobs]] of the last minute, for the rate
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES run (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);

ALTER TABLE run_progress ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON run_progress USING (workspace_id = current_workspace());


-- Merges that the undo of a run has still to undo, the latest first. The relay fills the table from the batches of the
-- run, and deletes a row when it has made the job.
CREATE TABLE run_undo_merge (
    workspace_id integer NOT NULL,
    run_id uuid NOT NULL,  -- the undo
    merged_at timestamptz NOT NULL,
    job_id uuid NOT NULL,  -- the merge
    PRIMARY KEY (workspace_id, run_id, merged_at, job_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES run (workspace_id, id) ON DELETE CASCADE
);

ALTER TABLE run_undo_merge ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON run_undo_merge USING (workspace_id = current_workspace());

-- Cancels only the jobs of this run.
ALTER TABLE queue_cancellation ADD COLUMN run_id uuid;

ALTER TABLE batch ADD COLUMN run_state text, ADD COLUMN run_counts jsonb;
-- Harmless: the next statement adds a check that allows more.
ALTER TABLE batch DROP CONSTRAINT run_of_duplicates;
-- Harmless: every row satisfied the narrower check.
ALTER TABLE batch ADD CONSTRAINT duplicates_have_a_run CHECK (source <> 'duplicates' OR run_id IS NOT NULL) NOT VALID;

-- The runs over duplicates so far. The relay counts their batches.
INSERT INTO run (workspace_id, id, kind, state, created_at, api_key_id, closed_at, finished_at)
SELECT workspace_id, id, 'duplicates', state, created_at, api_key_id, finished_at, finished_at
FROM duplicate_run;
INSERT INTO run_progress (workspace_id, run_id)
SELECT workspace_id, id FROM run;

-- Harmless: the next statement adds a check that allows more.
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_action_check;
-- Harmless: 'run' is a value.
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_action_check CHECK (action IN (
    'delete', 'rename', 'remove', 'consent', 'exclude', 'allow', 'erasure', 'pause', 'resume', 'limit', 'cancel', 'run'
)) NOT VALID;
