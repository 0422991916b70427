-- The identity feed: every change of who a profile is, numbered in an order that readers can rely on. The records of the
-- changes are those of the audit; a relay gives them their numbers after they were committed. See
-- docs/adr/0041-the-identity-feed.md.

-- The state of the feed of a workspace. Who numbers changes, erases their names or deletes them, locks the row.
CREATE TABLE identity_feed (
    workspace_id integer PRIMARY KEY REFERENCES workspace,
    last_number bigint NOT NULL DEFAULT 0,
    -- What the last pass saw: the changes of every transaction that it shows as ended have their numbers, up to resume_at.
    snapshot pg_snapshot NOT NULL DEFAULT '1:1:',
    resume_at timestamptz,  -- the pass ended early, at the change of this time; null if it numbered all
    -- Pairs: a transaction with a later id than this wrote its changes at this time or later.
    checkpoint_xids bigint[] NOT NULL DEFAULT '{0}',
    checkpoint_times timestamptz[] NOT NULL DEFAULT '{epoch}',
    -- A change without a number may be as old as this.
    horizon timestamptz NOT NULL DEFAULT 'epoch',
    checked_at timestamptz NOT NULL DEFAULT 'epoch',  -- the time of the last pass
    CHECK (cardinality(checkpoint_xids) = cardinality(checkpoint_times))
);

ALTER TABLE identity_feed ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identity_feed USING (workspace_id = current_workspace());


-- One change. It keeps its number for ever, and is deleted after MERGELANE_IDENTITY_DAYS.
CREATE TABLE identity_change (
    workspace_id integer NOT NULL REFERENCES workspace,
    number bigint NOT NULL CHECK (number > 0),
    entry_id uuid NOT NULL,  -- the job, or the entry of the audit
    kind text NOT NULL CHECK (kind IN ('merge', 'undo', 'identify', 'rename', 'remove', 'delete')),
    at timestamptz NOT NULL,
    job_id uuid,
    undoes uuid,  -- the job that this undo reversed
    orphan_braze_id text COLLATE "C",  -- the profile that ended, or is back after an undo
    survivor_braze_id text COLLATE "C",  -- the profile that is left; null after a deletion
    -- The external_ids after the change, and the one that was renamed or removed; null after the person was erased.
    orphan_external_id text COLLATE "C",
    survivor_external_id text COLLATE "C",
    former_external_id text COLLATE "C",
    PRIMARY KEY (workspace_id, number),
    UNIQUE (workspace_id, entry_id),
    CONSTRAINT deletion_without_names CHECK (
        kind <> 'delete'
        OR num_nonnulls(survivor_braze_id, orphan_external_id, survivor_external_id, former_external_id) = 0
    )
);
CREATE INDEX identity_change_of_orphan ON identity_change (workspace_id, orphan_braze_id)
    WHERE orphan_braze_id IS NOT NULL;
CREATE INDEX identity_change_of_survivor ON identity_change (workspace_id, survivor_braze_id)
    WHERE survivor_braze_id IS NOT NULL;

ALTER TABLE identity_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identity_change USING (workspace_id = current_workspace());

-- Returns the snapshot of the statement. In a statement that writes, Citus calls a function without columns on the server
-- of the session; with a column, it runs on the server that has the workspace, whose transactions count. Not LANGUAGE sql,
-- or the function would be replaced by its body.
CREATE OR REPLACE FUNCTION snapshot_of(workspace_id integer) RETURNS pg_snapshot
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pg_current_snapshot();
END;
$$;

-- Returns the workspaces that may have changes without a number: those without a feed, those with a change since the
-- horizon of their feed, and all after the clock of this server was set back. Two index lookups for each workspace.
CREATE OR REPLACE FUNCTION workspaces_with_identity_changes() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM open_workspace AS w
    LEFT JOIN identity_feed AS feed ON feed.workspace_id = w.workspace_id
    LEFT JOIN LATERAL (
        SELECT TRUE AS found
        FROM job
        WHERE job.workspace_id = w.workspace_id AND job.finished_at >= feed.horizon
        LIMIT 1
    ) AS ended ON TRUE
    LEFT JOIN LATERAL (
        SELECT TRUE AS found
        FROM audit_entry AS entry
        WHERE entry.workspace_id = w.workspace_id AND entry.at >= feed.horizon
        LIMIT 1
    ) AS entered ON TRUE
    WHERE feed.workspace_id IS NULL OR ended.found OR entered.found OR feed.checked_at > clock_timestamp()
    ORDER BY w.workspace_id;
END;

REVOKE ALL ON FUNCTION workspaces_with_identity_changes() FROM PUBLIC;
