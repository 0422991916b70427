-- Workspaces and the keys that open them.
-- Every other table carries workspace_id first in its keys, so that it can be distributed by it.

CREATE TABLE workspace (
    workspace_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,
    digest bytea NOT NULL UNIQUE,  -- of the secret, which is shown once and stored nowhere
    hint text NOT NULL,  -- the first characters of the secret, to recognise a key by
    label text NOT NULL,
    permissions text[] NOT NULL CHECK (cardinality(permissions) > 0),  -- the vendor's names, or '*'
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);
