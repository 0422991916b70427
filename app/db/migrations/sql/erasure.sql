-- The erasure of people: the names that they had before, and the erasures that are not complete.

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

-- Returns the workspaces with erasures that are not complete.
CREATE OR REPLACE FUNCTION workspaces_with_erasures() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT e.workspace_id
    FROM erasure AS e
    JOIN open_workspace AS w ON w.workspace_id = e.workspace_id
    ORDER BY e.workspace_id;
END;

-- Replaces the statistics of a table of this owner and of its indexes, which contain values of deleted rows until the
-- next ANALYZE. ANALYZE itself keeps those of a table without rows and of an index without entries, so they are deleted
-- first where PostgreSQL allows it: from version 18 the owner may, before that a superuser.
CREATE OR REPLACE FUNCTION renew_statistics(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target record;
    version integer := current_setting('server_version_num');
BEGIN
    FOR target IN
        SELECT class.oid AS class, class.relnamespace::regnamespace::text AS schema, class.relname, attribute.attname
        FROM pg_class AS class
        JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
        WHERE (
                class.oid = relation
                OR class.oid IN (SELECT pg_index.indexrelid FROM pg_index WHERE pg_index.indrelid = relation)
            )
            AND class.relowner = (SELECT pg_roles.oid FROM pg_roles WHERE pg_roles.rolname = current_user)
            AND attribute.attnum > 0 AND NOT attribute.attisdropped
        ORDER BY class.relkind DESC, class.oid
    LOOP
        IF version >= 180000 THEN
            EXECUTE 'SELECT pg_clear_attribute_stats($1, $2, $3, false)'
            USING target.schema, target.relname::text, target.attname::text;
        ELSIF (SELECT pg_roles.rolsuper FROM pg_roles WHERE pg_roles.rolname = current_user) THEN
            EXECUTE 'DELETE FROM pg_statistic WHERE starelid = $1' USING target.class;
        END IF;
    END LOOP;
    EXECUTE format('ANALYZE %s', relation);
END;
$$;

REVOKE ALL ON FUNCTION workspaces_with_erasures(), renew_statistics(regclass) FROM PUBLIC;
