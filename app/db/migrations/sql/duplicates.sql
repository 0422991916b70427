-- Duplicates: the rule by which each workspace merges profiles that share an address, the runs that do it, and the pairs
-- that they leave alone.

-- The merge rule of a workspace. A workspace without a row has the defaults and no daily run.
CREATE TABLE duplicate_policy (
    workspace_id integer PRIMARY KEY REFERENCES workspace,
    identifier text NOT NULL CHECK (identifier IN ('email', 'phone')),
    resolve_ties_by text NOT NULL CHECK (resolve_ties_by IN ('created', 'updated', 'last_session')),
    prefer text NOT NULL CHECK (prefer IN ('newest', 'oldest')),
    daily_at time,  -- null: no daily run
    time_zone text NOT NULL,  -- of daily_at
    next_daily_at timestamptz,
    CHECK ((daily_at IS NULL) = (next_daily_at IS NULL))
);

ALTER TABLE duplicate_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON duplicate_policy USING (workspace_id = current_workspace());


-- One run over all duplicates of a workspace, with its rule and its progress.
CREATE TABLE duplicate_run (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    trigger text NOT NULL CHECK (trigger IN ('api', 'daily')),
    api_key_id uuid,  -- the key of the request
    identifier text NOT NULL CHECK (identifier IN ('email', 'phone')),
    resolve_ties_by text NOT NULL CHECK (resolve_ties_by IN ('created', 'updated', 'last_session')),
    prefer text NOT NULL CHECK (prefer IN ('newest', 'oldest')),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'cancelled', 'failed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    cursor jsonb NOT NULL,  -- where the next step begins; empty after the last step
    counts jsonb NOT NULL,  -- what the run has found so far
    plan_id uuid,  -- the plan that gets its merges instead of the ledger
    PRIMARY KEY (workspace_id, id),
    CHECK ((finished_at IS NOT NULL) = (state <> 'running'))
);
-- One running run for each workspace.
CREATE UNIQUE INDEX duplicate_run_running ON duplicate_run (workspace_id) WHERE state = 'running';

ALTER TABLE duplicate_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON duplicate_run USING (workspace_id = current_workspace());

-- Pairs of profiles that are not a match: duplicate runs do not merge them. As in the history, a row keeps the ids under
-- which it was recorded, and `origin` leads from there to the live profiles, so that a merge writes nothing here.
CREATE TABLE duplicate_exclusion (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    low_origin_id bigint NOT NULL,
    high_origin_id bigint NOT NULL,
    low_braze_id text COLLATE "C" NOT NULL,
    high_braze_id text COLLATE "C" NOT NULL,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    api_key_id uuid,  -- the key of the request
    undo_job_id uuid,  -- the undo that recorded the pair
    PRIMARY KEY (workspace_id, id),
    CHECK (low_origin_id < high_origin_id)
);
CREATE UNIQUE INDEX duplicate_exclusion_pair ON duplicate_exclusion (workspace_id, low_origin_id, high_origin_id);
CREATE INDEX duplicate_exclusion_high ON duplicate_exclusion (workspace_id, high_origin_id);

ALTER TABLE duplicate_exclusion ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON duplicate_exclusion USING (workspace_id = current_workspace());

-- Returns the workspaces that have a running run, or whose daily run is due. Both tables are small.
CREATE OR REPLACE FUNCTION workspaces_with_duplicates_to_merge() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT run.workspace_id
    FROM duplicate_run AS run
    JOIN open_workspace AS w ON w.workspace_id = run.workspace_id
    WHERE run.state = 'running'
    UNION
    SELECT policy.workspace_id
    FROM duplicate_policy AS policy
    JOIN open_workspace AS w ON w.workspace_id = policy.workspace_id
    WHERE policy.next_daily_at <= now()
    ORDER BY 1;
END;

REVOKE ALL ON FUNCTION workspaces_with_duplicates_to_merge() FROM PUBLIC;
