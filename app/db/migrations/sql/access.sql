-- The role under which web, relay and workers work, and what it may do. Run after the migrations, whenever somebody
-- migrates: roles belong to the whole server, so that a database may come to one that does not have it, and what was
-- granted may get lost on the way. A table that a migration adds is added here.

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
            'the role mergelane_app is missing, and only an administrator may make it. Have one run: '
            'CREATE ROLE mergelane_app NOLOGIN; GRANT mergelane_app TO %I;', current_user
        );
END;
$$;

-- Whoever migrates may become that role: with one DATABASE_URL for everything the processes do so as they connect.
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

GRANT SELECT ON alembic_version, workspace, own_job, own_profile TO mergelane_app;
-- Keys are made and revoked by the owner. Their digests are keyed anew when they are used after a change of the pepper.
GRANT SELECT, UPDATE (digest, pepper) ON api_key TO mergelane_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    profile, user_alias, origin, redirect, deprecated_external_id, idempotency
TO mergelane_app;
GRANT SELECT, INSERT, UPDATE ON job TO mergelane_app;
GRANT SELECT, INSERT ON batch, merge_record TO mergelane_app;
-- The audit is added to. It is erased and pruned by functions, and batches and jobs with it. A database may have been
-- brought to a revision before these.
DO $$
BEGIN
    IF to_regclass('undo_record') IS NOT NULL THEN
        GRANT SELECT, INSERT ON identify_record, undo_record TO mergelane_app;
    END IF;
    IF to_regclass('audit_entry') IS NOT NULL THEN
        GRANT SELECT, INSERT ON audit_entry TO mergelane_app;
        REVOKE UPDATE, DELETE ON batch, merge_record, identify_record, undo_record FROM mergelane_app;
        REVOKE DELETE ON job FROM mergelane_app;
        GRANT EXECUTE ON FUNCTION
            erase_audits(integer, uuid[]), erase_names(integer, text[]), prune_batches(integer, uuid, integer),
            prune_audit_entries(integer, uuid, integer)
        TO mergelane_app;
    END IF;
    IF to_regclass('webhook') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_watch, webhook_notice TO mergelane_app;
        GRANT EXECUTE ON FUNCTION workspaces_with_notices() TO mergelane_app;
    END IF;
    IF to_regclass('duplicate_run') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE ON duplicate_policy, duplicate_run TO mergelane_app;
        GRANT EXECUTE ON FUNCTION workspaces_with_duplicates_to_merge() TO mergelane_app;
    END IF;
END;
$$;
DO $$
BEGIN
    IF to_regproc('measured_workspaces') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION measured_workspaces(integer, integer) TO mergelane_app;
    END IF;
    IF to_regclass('sign_in') IS NOT NULL THEN
        GRANT SELECT, INSERT, DELETE ON sign_in TO mergelane_app;
    END IF;
END;
$$;
-- History is never changed.
GRANT SELECT, INSERT, DELETE ON custom_event, purchase, session, engagement TO mergelane_app;

GRANT EXECUTE ON FUNCTION
    holders_of(bytea[]), workspaces_with_pending_jobs(), workspaces_under_way(), all_workspaces(),
    analyze_outgrown_tables(bigint)
TO mergelane_app;
