-- Tables of revision 0030. New databases have them from the files of their subjects.

-- A name that a profile had and lost without a merge: an address, an alias or a removed external_id. An erasure finds
-- the jobs by it that found no profile. As in the history, a row keeps the id of the profile under which it was recorded,
-- its origin. It is deleted with the person.
CREATE TABLE former_name (
    workspace_id integer NOT NULL REFERENCES workspace,
    origin_id bigint NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('external_id', 'user_alias', 'email', 'phone')),
    label text COLLATE "C" NOT NULL,  -- of an alias, else ''
    value text COLLATE "C" NOT NULL,  -- in the comparable form
    ended_at timestamptz NOT NULL DEFAULT now(),  -- when the profile lost it first
    PRIMARY KEY (workspace_id, origin_id, kind, label, value)
);

ALTER TABLE former_name ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON former_name USING (workspace_id = current_workspace());


-- One row for each erased person while the erasure is not complete. The profile, its names and the ended jobs were erased when
-- the request was answered. The relay does the rest in short transactions, and then replaces the row by the certificate,
-- an entry of the audit. A row contains no personal data.
CREATE TABLE erasure (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    braze_id text COLLATE "C" NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    api_key_id uuid,  -- the key of the request
    request_id text,
    path text NOT NULL,  -- the path of the request
    state text NOT NULL CHECK (state IN ('history', 'jobs', 'statistics')),  -- what is left to do next
    origin_ids bigint[] NOT NULL,  -- the origins of the history
    cursor jsonb NOT NULL DEFAULT '{}',  -- where the next step of the history begins
    jobs jsonb NOT NULL,  -- [{id, role}]: unfinished jobs that named the person, to blank when they have ended
    counts jsonb NOT NULL,  -- deleted rows by table
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX erasure_by_state ON erasure (workspace_id, state, id);

ALTER TABLE erasure ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON erasure USING (workspace_id = current_workspace());

-- The certificate of an erasure.
-- Harmless: the next statement adds a check that allows more.
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_action_check;
-- Harmless: 'erasure' is a value.
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_action_check
    CHECK (action IN ('delete', 'rename', 'remove', 'consent', 'exclude', 'allow', 'erasure')) NOT VALID;
