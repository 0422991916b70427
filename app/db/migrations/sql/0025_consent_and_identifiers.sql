-- Tables and columns of revision 0025. New databases have them from the files of their subjects.
-- Indexes on tables that have rows are built by the next revision, outside a transaction.

-- The audit of consent that follows an address.
ALTER TABLE audit_entry ADD COLUMN source_braze_id text COLLATE "C", ADD COLUMN changes json;
-- Harmless: the next statement adds a check that allows more.
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_action_check;
-- Harmless: 'rename' is a value.
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_action_check
    CHECK (action IN ('delete', 'rename', 'remove', 'consent')) NOT VALID;
ALTER TABLE audit_entry VALIDATE CONSTRAINT audit_entry_action_check;
CREATE OR REPLACE TRIGGER protect_audit BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION protect_audit(
    '{"external_id": null, "new_external_id": null, "changes": null}'
);
-- The progress of recomputing stored comparison keys after the rules of comparison changed. A workspace that was created
-- under the current rules has no row.
CREATE TABLE key_recomputation (
    workspace_id integer PRIMARY KEY REFERENCES workspace,
    cursor bigint NOT NULL DEFAULT 0,  -- the last profile of this pass
    is_last_pass boolean NOT NULL DEFAULT false,  -- no process of an older version ran when the pass began
    finished_at timestamptz
);

ALTER TABLE key_recomputation ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON key_recomputation USING (workspace_id = current_workspace());

-- The keys that changed, for the report of `mergelane doctor --data`.
CREATE TABLE key_change (
    workspace_id integer NOT NULL REFERENCES workspace,
    profile_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('email', 'phone')),
    former_key text COLLATE "C",
    current_key text COLLATE "C",  -- null: a phone number without E.164 form
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, profile_id, kind)
);

ALTER TABLE key_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON key_change USING (workspace_id = current_workspace());

-- The profiles of these workspaces may have keys of the former rules.
INSERT INTO key_recomputation (workspace_id) SELECT workspace_id FROM workspace;
