-- The role mergelane_app, under which web, relay, sender and workers work.
--
-- Every `mergelane migrate` runs this file, after the migrations. Roles belong to the server and not to the database, so
-- a restored database may lack the role. Its rights are in app/db/rights.py.

DO $$
BEGIN
    IF to_regrole('mergelane_app') IS NULL THEN
        CREATE ROLE mergelane_app NOLOGIN;
    END IF;
EXCEPTION
    -- Another database of this server was migrated at the same time.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'the role mergelane_app is missing, and only an administrator may create it. Have an administrator run: '
            'CREATE ROLE mergelane_app NOLOGIN; GRANT mergelane_app TO %I;', current_user
        );
END;
$$;

-- The user that migrates gets the right to SET ROLE, because the processes may connect with the same DATABASE_URL.
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'mergelane_app', 'SET') THEN
        GRANT mergelane_app TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
    END IF;
EXCEPTION
    WHEN unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'it may not become the role mergelane_app, under which the processes work. Have an administrator run: '
            'GRANT mergelane_app TO %I;', current_user
        );
END;
$$;

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO mergelane_app', current_schema());
END;
$$;
