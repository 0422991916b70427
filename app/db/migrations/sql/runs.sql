-- Runs: an operation of any size, such as a file, a scan for duplicates or an undo. Its batches name it in batch.run_id.

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
    -- For an undo or a plan that has not made all of its batches: where the next step begins, and the jobs that are left.
    undo_step jsonb,
    results jsonb NOT NULL DEFAULT '{}',  -- for an import: lines by their result
    cancelled_at timestamptz,  -- from then on no worker begins one of its jobs
    priority smallint NOT NULL DEFAULT 3,  -- the urgency of the jobs of requests that name none
    -- The run is paused when more of its jobs have failed: a number, or a share in percent; null: without a limit.
    max_failures integer,
    max_failures_percent numeric,
    -- Ended and failed jobs that do not count for the limit: the ones before the run was resumed last.
    ended_before integer NOT NULL DEFAULT 0,
    failed_before integer NOT NULL DEFAULT 0,
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


-- Returns the id of an open run and locks it against being closed until the transaction ends; raises NO_DATA_FOUND
-- without one, and for an import, which has no jobs. It is a value of the statement that inserts the batch, so that joining a run costs no statement.
CREATE OR REPLACE FUNCTION lock_open_run(workspace_id integer, run_id uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE STRICT
AS $$
DECLARE
    found uuid;
BEGIN
    SELECT run.id
    INTO STRICT found
    FROM run
    WHERE run.workspace_id = lock_open_run.workspace_id AND run.id = lock_open_run.run_id AND run.state = 'open'
        AND run.kind <> 'import'
    FOR SHARE;
    RETURN found;
END;
$$;

-- Returns the workspaces with a batch of a run to count, with a run that is running, or with a resumed one whose jobs are
-- not all due again. Three index lookups for each workspace.
CREATE OR REPLACE FUNCTION workspaces_with_runs() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM open_workspace AS w
    CROSS JOIN LATERAL (
        (
            SELECT batch.id
            FROM batch
            WHERE batch.workspace_id = w.workspace_id
                AND batch.run_id IS NOT NULL AND batch.run_state IS DISTINCT FROM 'settled'
            LIMIT 1
        )
        UNION ALL
        (
            SELECT run.id
            FROM run
            WHERE run.workspace_id = w.workspace_id AND run.state = 'running'
            LIMIT 1
        )
        UNION ALL
        (
            SELECT pause.run_id
            FROM run_pause AS pause
            WHERE pause.workspace_id = w.workspace_id AND pause.resumed_at IS NOT NULL
            LIMIT 1
        )
        LIMIT 1
    ) AS found
    ORDER BY w.workspace_id;
END;

-- Deletes up to *most* runs that ended or were created longer than *age* ago and have no batch. Runs over
-- duplicates stay, as in duplicate_run. Returns their number.
CREATE OR REPLACE FUNCTION prune_old_runs(workspace_id integer, age interval, most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM run
        WHERE run.workspace_id = prune_old_runs.workspace_id AND run.workspace_id = current_workspace()
            AND run.id = ANY(ARRAY(
                SELECT old.id
                FROM run AS old
                WHERE old.workspace_id = prune_old_runs.workspace_id AND old.state <> 'running' AND old.kind <> 'duplicates'
                    AND coalesce(old.finished_at, old.created_at) < now() - prune_old_runs.age
                    AND (
                        SELECT batch.id
                        FROM batch
                        WHERE batch.workspace_id = prune_old_runs.workspace_id AND batch.run_id = old.id
                        LIMIT 1
                    ) IS NULL
                ORDER BY old.id
                LIMIT prune_old_runs.most
                FOR UPDATE SKIP LOCKED
            ))
        RETURNING 1
    )

    SELECT count(*) FROM gone;
END;

REVOKE ALL ON FUNCTION workspaces_with_runs(), prune_old_runs(integer, interval, integer) FROM PUBLIC;
