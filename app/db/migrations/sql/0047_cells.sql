-- Columns and the table of revision 0047. New databases have them from the files of their subjects.

-- The workspaces get labels. Keys that exist have none in their secrets. A column with a random default would rewrite the
-- table, and a query that waits for that would find no workspace afterwards.
ALTER TABLE workspace ADD COLUMN route_label text;
ALTER TABLE workspace ADD COLUMN availability text NOT NULL DEFAULT 'open';
UPDATE workspace AS w
SET route_label = left(md5(installation.id::text || '-' || w.workspace_id::text), 10)
FROM installation
WHERE w.route_label IS NULL;
ALTER TABLE workspace ALTER COLUMN route_label SET DEFAULT left(replace(gen_random_uuid()::text, '-', ''), 10);
-- Harmless: rows that old code writes get the default.
ALTER TABLE workspace ALTER COLUMN route_label SET NOT NULL;
ALTER TABLE workspace ADD CONSTRAINT workspace_route_label_key UNIQUE (route_label);
ALTER TABLE workspace ADD CONSTRAINT route_label_fits_a_map CHECK (route_label ~ '^[a-z0-9]{1,20}$');
ALTER TABLE workspace
    ADD CONSTRAINT availability_is_known CHECK (availability IN ('open', 'moving', 'moved', 'arriving'));

CREATE TABLE workspace_move (
    workspace_id integer PRIMARY KEY REFERENCES workspace,
    target text NOT NULL,  -- the name of the installation of the other cell
    step text NOT NULL CHECK (step IN ('copying', 'closing', 'closed', 'verified', 'done')),
    began_at timestamptz NOT NULL DEFAULT now(),
    step_at timestamptz NOT NULL DEFAULT now(),
    tables jsonb NOT NULL DEFAULT '{}'  -- the number of rows and the checksum that both cells had, by table
);

ALTER TABLE workspace_move ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON workspace_move USING (workspace_id = current_workspace());

-- The peppers that each web process and sender has, as fingerprints: `mergelane workspaces move` compares them.
ALTER TABLE process_heartbeat ADD COLUMN cell text;
ALTER TABLE process_heartbeat ADD COLUMN key_peppers text[];
ALTER TABLE process_heartbeat ADD COLUMN webhook_peppers text[];
