-- Tables and columns of revision 0025. New databases have them from the files of their subjects.
-- Indexes on tables that have rows are built by the next revision, outside a transaction.

-- The audit of consent that follows an address.
ALTER TABLE audit_entry ADD COLUMN source_braze_id text COLLATE "C", ADD COLUMN changes json;
-- Harmless: the next statement adds a check that allows more.
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_action_check;
-- Harmless: 'rename' is a value.
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_action_check
    CHECK (action IN ('delete', 'rename', 'remove', 'consent', 'exclude', 'allow')) NOT VALID;
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

-- The profile that reported a push token last. As in the history, a row keeps the id under which the token was
-- reported, and `origin` leads from there to the live profile, so that a merge writes nothing here. A token that no row
-- names belongs to the profiles that have it in push_tokens.
CREATE TABLE push_token_report (
    workspace_id integer NOT NULL REFERENCES workspace,
    token_digest bytea NOT NULL CHECK (octet_length(token_digest) = 32),  -- SHA-256 of the key in push_tokens
    origin_id bigint NOT NULL,
    former_origin_id bigint,  -- the one that had reported it before
    PRIMARY KEY (workspace_id, token_digest)
);
CREATE INDEX push_token_report_of_origin ON push_token_report (workspace_id, origin_id);

-- Harmless: the table is new, and no old code reads it.
ALTER TABLE push_token_report ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON push_token_report USING (workspace_id = current_workspace());

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

-- Harmless: the table is new, and no old code reads it.
ALTER TABLE duplicate_exclusion ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON duplicate_exclusion USING (workspace_id = current_workspace());
