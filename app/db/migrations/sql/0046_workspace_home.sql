-- The table of revision 0046. New databases have it from the file of its subject.

-- One row for each workspace, in the table that is distributed with the others: on Citus, workspace itself is on every
-- server. INSERT ... SELECT takes the workspace_id from here where it reads no other table of the workspace. So Citus
-- runs the statement on the one server that has the workspace. See docs/adr/0061-one-set-of-statements.md.
CREATE TABLE workspace_home (
    workspace_id integer PRIMARY KEY REFERENCES workspace
);

ALTER TABLE workspace_home ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON workspace_home USING (workspace_id = current_workspace());

-- Adds the row of a new workspace for code of a version before revision 0046, which adds none. On Citus the trigger runs on
-- each copy of the table, whose name has a number, and does nothing.
CREATE OR REPLACE FUNCTION add_workspace_home() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'workspace' THEN
        EXECUTE format(
            'INSERT INTO %I.workspace_home (workspace_id) VALUES ($1) ON CONFLICT DO NOTHING', TG_TABLE_SCHEMA
        )
        USING NEW.workspace_id;
    END IF;
    RETURN NULL;
END;
$$;

-- Harmless: it adds a row to a table that old code does not use.
CREATE TRIGGER add_workspace_home AFTER INSERT ON workspace FOR EACH ROW EXECUTE FUNCTION add_workspace_home();

-- The trigger holds a lock on workspace until this transaction ends, so no workspace is missed.
INSERT INTO workspace_home (workspace_id) SELECT workspace_id FROM workspace;
