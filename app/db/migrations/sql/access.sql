-- The role mergelane_app, under which web, relay, sender and workers work, and its privileges.
--
-- Every `mergelane migrate` runs this file, after the migrations. Roles belong to the server and not to the database, so
-- a restored database may lack the role, and privileges may be lost on the way. A migration that adds a table also adds
-- its privileges here.

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

GRANT SELECT ON alembic_version, installation, workspace, workspace_job, held_lane, workspace_profile TO mergelane_app;
-- The owner creates and revokes keys. The processes only write a new digest when a key is used after a pepper change.
GRANT SELECT, UPDATE (digest, pepper) ON api_key TO mergelane_app;
GRANT SELECT, INSERT, DELETE ON sign_in TO mergelane_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    profile, user_alias, origin, redirect, deprecated_external_id, push_token_report, idempotency
TO mergelane_app;
-- History is not updated.
GRANT SELECT, INSERT, DELETE ON custom_event, purchase, session, engagement TO mergelane_app;
GRANT SELECT, INSERT, UPDATE ON job TO mergelane_app;
-- The audit is not updated or deleted, except by the functions below.
GRANT SELECT, INSERT ON batch, merge_record, identify_record, undo_record, audit_entry TO mergelane_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_watch, webhook_delivery TO mergelane_app;
GRANT SELECT, INSERT, UPDATE ON duplicate_policy, duplicate_run TO mergelane_app;
GRANT SELECT, INSERT, DELETE ON duplicate_exclusion TO mergelane_app;
GRANT SELECT, UPDATE ON key_recomputation TO mergelane_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON key_change TO mergelane_app;

GRANT EXECUTE ON FUNCTION
    all_workspaces(), find_valid_keys(bytea[]), analyze_changed_tables(bigint),
    workspaces_with_pending_jobs(), workspaces_with_published_jobs(), count_jobs_by_workspace(integer, integer),
    erase_audit_records(integer, uuid[]), erase_audit_names(integer, text[]), prune_batches(integer, uuid, integer),
    prune_audit_entries(integer, uuid, integer),
    workspaces_with_due_deliveries(), workspaces_with_duplicates_to_merge(), workspaces_to_recompute()
TO mergelane_app;
