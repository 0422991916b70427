-- The whole life of a profile: renamed, deleted.

-- External ids that were renamed away and keep resolving. profile_id is the profile that was renamed; when that one was
-- merged away, the deprecated id goes where its history went, for merges alone.
CREATE TABLE deprecated_external_id (
    workspace_id integer NOT NULL REFERENCES workspace,
    external_id text COLLATE "C" NOT NULL CHECK (octet_length(external_id) BETWEEN 1 AND 987),
    profile_id bigint NOT NULL,
    deprecated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, external_id)
);
CREATE INDEX deprecated_external_id_of_profile ON deprecated_external_id (workspace_id, profile_id);
