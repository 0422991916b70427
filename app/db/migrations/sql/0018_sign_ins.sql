-- Browsers that signed in to the console with a key.

CREATE TABLE sign_in (
    workspace_id integer NOT NULL,
    digest bytea NOT NULL,  -- of the token that the browser holds, which is stored nowhere
    api_key_id uuid NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, digest),
    FOREIGN KEY (workspace_id, api_key_id) REFERENCES api_key (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX sign_in_by_end ON sign_in (workspace_id, ends_at);

-- Harmless: the table is new.
ALTER TABLE sign_in ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON sign_in USING (workspace_id = current_workspace());
