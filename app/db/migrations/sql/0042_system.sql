-- Tables of revision 0042. New databases have them from the file of their subject.

CREATE TABLE process_heartbeat (
    id uuid PRIMARY KEY,  -- UUID version 7, made by the process at its start
    kind text NOT NULL,  -- web, relay, worker or sender
    name text NOT NULL,  -- the node name of a worker, else the kind
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    schema_version text NOT NULL,  -- the revision that the code of the process needs
    broker_state text,  -- 'reachable', or the cause for which it waits; null if it does not use the broker
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What the jobs of a workspace did in one minute. The relay adds a row two minutes later, and none for a minute in which
-- no job was accepted, ended or unfinished.
CREATE TABLE job_minute (
    workspace_id integer NOT NULL REFERENCES workspace,
    begins_at timestamptz NOT NULL,
    accepted bigint NOT NULL,
    ended jsonb NOT NULL,  -- the number of jobs by outcome; 'dead' for dead ones
    unfinished bigint NOT NULL,  -- jobs at its end
    PRIMARY KEY (workspace_id, begins_at)
);

ALTER TABLE job_minute ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON job_minute USING (workspace_id = current_workspace());

-- The sums of the minutes of one hour, so that a chart of a week reads few rows. An hour without minutes has no row.
CREATE TABLE job_hour (
    workspace_id integer NOT NULL REFERENCES workspace,
    begins_at timestamptz NOT NULL,
    accepted bigint NOT NULL,
    ended jsonb NOT NULL,  -- the number of jobs by outcome; 'dead' for dead ones
    unfinished bigint NOT NULL,  -- jobs at its end
    PRIMARY KEY (workspace_id, begins_at)
);

ALTER TABLE job_hour ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON job_hour USING (workspace_id = current_workspace());
