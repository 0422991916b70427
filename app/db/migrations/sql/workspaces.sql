-- Workspaces, their API keys, and browsers that are signed in to the console.
--
-- Every table except workspace has workspace_id as the first column of its keys, so that tables can be distributed by
-- it. Row-level security shows a transaction the rows of one workspace only: the one that `SET LOCAL
-- mergelane.workspace_id` names. It applies to the role mergelane_app (access.sql), not to the owner of the tables.

-- Returns the workspace of this transaction, or null. PostgreSQL resets the setting to '' after a transaction, not to
-- null.
CREATE OR REPLACE FUNCTION current_workspace() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('mergelane.workspace_id', true), '')::integer;


-- One row for each customer of this installation. Workspaces share nothing.
CREATE TABLE workspace (
    workspace_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Limits of this workspace by bucket, such as {"users": "100000/60"}; the other buckets use the settings.
    rate_limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(rate_limits) = 'object'),
    -- Part of the secrets of its keys, by which a balancer finds its cell: docs/cells.md. It never changes.
    route_label text NOT NULL DEFAULT left(replace(gen_random_uuid()::text, '-', ''), 10),
    -- 'open'; or closed: 'moving' while its last rows are copied to another cell, 'moved' afterwards, and 'arriving' in
    -- the other cell until it has all rows.
    availability text NOT NULL DEFAULT 'open',
    CONSTRAINT workspace_route_label_key UNIQUE (route_label),
    CONSTRAINT route_label_fits_a_map CHECK (route_label ~ '^[a-z0-9]{1,20}$'),
    CONSTRAINT availability_is_known CHECK (availability IN ('open', 'moving', 'moved', 'arriving'))
);

ALTER TABLE workspace ENABLE ROW LEVEL SECURITY;
-- Each table has this one policy, for reading and writing. It equals the condition that every query has already, so
-- that PostgreSQL merges the two and uses the same indexes as without the policy.
CREATE POLICY own_workspace ON workspace USING (workspace_id = current_workspace());

-- The workspaces that are not closed. The relay and the sender work on these only. Row-level security applies to it as to
-- the table.
CREATE OR REPLACE VIEW open_workspace WITH (security_invoker = true) AS
SELECT workspace.workspace_id FROM workspace WHERE workspace.availability = 'open';

-- Raises the error for a request to a closed workspace. app/db/errors.py knows its code.
CREATE OR REPLACE FUNCTION refuse_closed_workspace(availability text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'ML503',
        MESSAGE = CASE availability
            WHEN 'moved' THEN 'The workspace has moved to another cell.'
            ELSE 'The workspace is being moved to another cell.'
        END;
END;
$$;

-- Refuses a change of a row of a closed workspace. `mergelane workspaces move` makes triggers with this function, for one
-- workspace, on each table, and changes rows itself as their owner.
CREATE OR REPLACE FUNCTION protect_closed_workspace() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('mergelane.audit_change', true) IS DISTINCT FROM 'moving' THEN
        RAISE EXCEPTION USING ERRCODE = 'ML503', MESSAGE = 'The workspace is being moved to another cell, or has moved.';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END;
$$;

-- Returns every open workspace. This function and the others with SECURITY DEFINER run as the owner of the tables, because
-- the processes need a few facts before a workspace is known. Each returns only these facts.
CREATE OR REPLACE FUNCTION all_workspaces() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id FROM open_workspace AS w ORDER BY w.workspace_id;
END;

REVOKE ALL ON FUNCTION all_workspaces() FROM PUBLIC;


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

CREATE TRIGGER add_workspace_home AFTER INSERT ON workspace FOR EACH ROW EXECUTE FUNCTION add_workspace_home();


-- API keys of a workspace. A key is valid until it is revoked or expires.
CREATE TABLE api_key (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,
    digest bytea NOT NULL UNIQUE,  -- hash of the secret; the secret itself is stored nowhere
    hint text NOT NULL,  -- first characters of the secret, to recognise the key in a list
    label text NOT NULL,
    permissions text[] NOT NULL CHECK (cardinality(permissions) > 0),  -- the vendor's names, or '*' for all
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    expires_at timestamptz,  -- null: never
    pepper text NOT NULL DEFAULT '',  -- fingerprint of the server secret that keyed the digest; '' if there was none
    last_used_at timestamptz,  -- null: not used since this column exists; up to a minute old
    PRIMARY KEY (workspace_id, id)
);

ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON api_key USING (workspace_id = current_workspace());

-- Returns the valid keys with one of these digests, and raises an error for a closed workspace. A request is
-- authenticated before its workspace is known.
CREATE OR REPLACE FUNCTION find_valid_keys(digests bytea[])
RETURNS TABLE (workspace_id integer, key_id uuid, digest bytea, permissions text[], rate_limits jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT
        k.workspace_id, k.id, k.digest, k.permissions,
        CASE w.availability WHEN 'open' THEN w.rate_limits ELSE refuse_closed_workspace(w.availability) END
    FROM api_key AS k
    JOIN workspace AS w ON w.workspace_id = k.workspace_id
    WHERE k.digest = ANY(find_valid_keys.digests)
        AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
END;

REVOKE ALL ON FUNCTION find_valid_keys(bytea[]) FROM PUBLIC;

-- The next two write keys of the transaction's workspace. On Citus a statement that writes api_key locks the rows of
-- workspace, which the processes may only read.

-- Gives the key with one of the older digests the new one, unless a key has that already.
CREATE OR REPLACE FUNCTION renew_key_digest(digest bytea, pepper text, older bytea[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE api_key AS key
    SET digest = renew_key_digest.digest, pepper = renew_key_digest.pepper
    WHERE key.workspace_id = current_workspace() AND key.digest = ANY(renew_key_digest.older)
        AND NOT EXISTS (SELECT 1 FROM api_key AS other WHERE other.digest = renew_key_digest.digest);
END;

-- Records that a key is used now, unless a process did so within the interval, in seconds, or has the row locked.
CREATE OR REPLACE FUNCTION save_key_use(workspace_id integer, key_id uuid, interval_s double precision) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE api_key AS key
    SET last_used_at = now()
    WHERE key.workspace_id = save_key_use.workspace_id AND key.workspace_id = current_workspace() AND key.id = (
            SELECT used.id
            FROM api_key AS used
            WHERE used.workspace_id = save_key_use.workspace_id AND used.id = save_key_use.key_id
                AND (
                    used.last_used_at IS NULL
                    OR used.last_used_at < now() - make_interval(secs => save_key_use.interval_s)
                )
            FOR NO KEY UPDATE SKIP LOCKED
        );
END;

REVOKE ALL ON FUNCTION renew_key_digest(bytea, text, bytea[]), save_key_use(integer, uuid, double precision)
FROM PUBLIC;


-- Browsers that are signed in to the console with an API key.
CREATE TABLE sign_in (
    workspace_id integer NOT NULL,
    digest bytea NOT NULL,  -- hash of the browser's token; the token itself is stored nowhere
    api_key_id uuid NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, digest),
    FOREIGN KEY (workspace_id, api_key_id) REFERENCES api_key (workspace_id, id) ON DELETE CASCADE
);
-- Finds expired rows to delete.
CREATE INDEX sign_in_by_end ON sign_in (workspace_id, ends_at);

ALTER TABLE sign_in ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON sign_in USING (workspace_id = current_workspace());


-- Runs ANALYZE on each table of this schema that has more changed rows than *least_rows* plus the rows that it had at
-- its last ANALYZE. Returns the number of tables. Autovacuum runs once a minute at most; until then plans for a fast
-- growing table are made with the statistics of an empty one and read the whole table. The relay calls this function
-- because its role may not run ANALYZE. SKIP_LOCKED leaves out tables that another session analyzes or vacuums.
CREATE OR REPLACE FUNCTION analyze_changed_tables(least_rows bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed record;
    analyzed integer := 0;
BEGIN
    FOR changed IN
        SELECT stat.schemaname, stat.relname
        FROM pg_stat_user_tables AS stat
        JOIN pg_class AS class ON class.oid = stat.relid
        JOIN pg_proc AS this ON this.pronamespace = class.relnamespace AND this.proname = 'analyze_changed_tables'
        WHERE stat.n_mod_since_analyze > least_rows + greatest(class.reltuples, 0)
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %I.%I', changed.schemaname, changed.relname);
        analyzed := analyzed + 1;
    END LOOP;
    RETURN analyzed;
END;
$$;

REVOKE ALL ON FUNCTION analyze_changed_tables(bigint) FROM PUBLIC;


-- The id of this installation, made once. With the place of the database it names the queue of the workers and marks
-- their messages, so that two installations may share a broker (app/db/installation.py).
CREATE TABLE installation (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row)
);
INSERT INTO installation DEFAULT VALUES;
