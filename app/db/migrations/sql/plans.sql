-- Plans: previewed merges that are kept and can be applied as they were read.

-- One plan. Its summary grows with each page of updates, so that reading it costs the same for any number of updates.
CREATE TABLE plan (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'applied', 'discarded')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    api_key_id uuid,  -- the key that planned
    updates integer NOT NULL DEFAULT 0,  -- the number of updates, and the index of the next one
    counts jsonb NOT NULL DEFAULT '{}',  -- updates by outcome
    fields jsonb NOT NULL DEFAULT '{}',  -- merges by the field that they change
    largest jsonb NOT NULL DEFAULT '[]',  -- the merges with the most changes: [{index, changes, orphan, survivor}]
    applied_at timestamptz,
    applied_by uuid,  -- the key that applied it
    run_id uuid,  -- the run of an applied plan
    priority smallint,  -- the urgency of its jobs
    chosen integer[],  -- the indexes of the applied updates, ascending; null: all
    scan_id uuid,  -- the run over duplicates that makes its updates
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT run_when_applied CHECK ((state = 'applied') = (run_id IS NOT NULL))
);
-- Finds the plan of a run.
CREATE UNIQUE INDEX plan_of_run ON plan (workspace_id, run_id) WHERE run_id IS NOT NULL;

ALTER TABLE plan ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON plan USING (workspace_id = current_workspace());


-- One update of a plan: what it would do, and how it saw both profiles.
CREATE TABLE plan_update (
    workspace_id integer NOT NULL,
    plan_id uuid NOT NULL,
    index integer NOT NULL,
    orphan_identifier jsonb NOT NULL,
    survivor_identifier jsonb NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    orphan_id bigint,  -- null: no profile
    orphan_braze_id text,
    orphan_external_id text,
    survivor_id bigint,
    survivor_braze_id text,
    survivor_external_id text,
    excluded boolean NOT NULL,  -- it merges a pair that is recorded as not a match
    changes json NOT NULL,
    -- Of a merge: {orphan, survivor}, each {fields: {name: digest}, updated_at, after}. "after" is the index of the last
    -- update of the plan before it that writes the profile.
    seen jsonb,
    names jsonb NOT NULL,  -- the identifiers of both profiles: updates that share one keep their order
    PRIMARY KEY (workspace_id, plan_id, index),
    FOREIGN KEY (workspace_id, plan_id) REFERENCES plan (workspace_id, id) ON DELETE CASCADE
);
-- These two find the updates of a profile: earlier merges of a plan, and what names a deleted person.
CREATE INDEX plan_update_orphan ON plan_update (workspace_id, orphan_id) WHERE orphan_id IS NOT NULL;
CREATE INDEX plan_update_survivor ON plan_update (workspace_id, survivor_id) WHERE survivor_id IS NOT NULL;

ALTER TABLE plan_update ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON plan_update USING (workspace_id = current_workspace());


-- The jobs of applied plans, with the update that each of them executes.
CREATE TABLE plan_job (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    index integer NOT NULL,
    PRIMARY KEY (workspace_id, job_id),
    UNIQUE (workspace_id, plan_id, index),
    FOREIGN KEY (workspace_id, plan_id) REFERENCES plan (workspace_id, id) ON DELETE CASCADE
);

ALTER TABLE plan_job ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON plan_job USING (workspace_id = current_workspace());

-- Returns the number of stored plans by state, for metrics. Discarded and expired plans, which the relay deletes, are not
-- counted as open.
CREATE OR REPLACE FUNCTION count_plans() RETURNS TABLE (state text, plans bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT plan.state, count(*)
    FROM plan
    WHERE plan.state = 'applied' OR plan.state = 'open' AND plan.expires_at > now()
    GROUP BY plan.state;
END;

REVOKE ALL ON FUNCTION count_plans() FROM PUBLIC;
