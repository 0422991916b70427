-- Duplicates are found and merged by rules: each workspace's policy, and the runs over its duplicates.

-- How a workspace wants its duplicates to be merged; one without a row has the defaults, and no daily run.
CREATE TABLE duplicate_policy (
    workspace_id integer PRIMARY KEY REFERENCES workspace,
    identifier text NOT NULL CHECK (identifier IN ('email', 'phone')),
    resolve_ties_by text NOT NULL CHECK (resolve_ties_by IN ('created', 'updated', 'last_session')),
    prefer text NOT NULL CHECK (prefer IN ('newest', 'oldest')),
    daily_at time,  -- null: no daily run
    time_zone text NOT NULL,
    next_daily_at timestamptz,
    CHECK ((daily_at IS NULL) = (next_daily_at IS NULL))
);

-- A walk over all duplicates of a workspace: by which rule, and how far it is.
CREATE TABLE duplicate_run (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- version 7: newer ids sort later
    trigger text NOT NULL CHECK (trigger IN ('api', 'daily')),
    api_key_id uuid,  -- who asked
    identifier text NOT NULL CHECK (identifier IN ('email', 'phone')),
    resolve_ties_by text NOT NULL CHECK (resolve_ties_by IN ('created', 'updated', 'last_session')),
    prefer text NOT NULL CHECK (prefer IN ('newest', 'oldest')),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'cancelled', 'failed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    position jsonb NOT NULL,  -- where the next step goes on; empty when there is none
    counts jsonb NOT NULL,  -- what was found so far
    PRIMARY KEY (workspace_id, id),
    CHECK ((finished_at IS NOT NULL) = (state <> 'running'))
);
-- One at a time.
CREATE UNIQUE INDEX duplicate_run_under_way ON duplicate_run (workspace_id) WHERE state = 'running';

-- Harmless: the tables are new.
ALTER TABLE duplicate_policy ENABLE ROW LEVEL SECURITY;
-- Harmless: likewise.
ALTER TABLE duplicate_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON duplicate_policy USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON duplicate_run USING (workspace_id = current_workspace());

-- The workspaces that have a run under way, or whose daily run is due: small tables, one row for a workspace at most.
CREATE FUNCTION workspaces_with_duplicates_to_merge() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT run.workspace_id FROM duplicate_run AS run WHERE run.state = 'running'
    UNION
    SELECT policy.workspace_id FROM duplicate_policy AS policy WHERE policy.next_daily_at <= now()
    ORDER BY 1;
END;

REVOKE ALL ON FUNCTION workspaces_with_duplicates_to_merge() FROM PUBLIC;
