-- Changes a database at revision 0023, the last of the 23 former migrations, to revision 0024.
--
-- The later revisions follow, and then every CREATE OR REPLACE of the schema files: their functions and views.

-- To read a table of a million rows takes longer than the minute that a statement of a migration has.
SET LOCAL statement_timeout = '1h';

-- These were added as NOT VALID, so that old rows were not read.
ALTER TABLE job VALIDATE CONSTRAINT undo_names_its_job, VALIDATE CONSTRAINT undone_by_somebody;
ALTER TABLE batch VALIDATE CONSTRAINT source_is_known, VALIDATE CONSTRAINT run_of_duplicates;

CREATE INDEX profile_unidentified_device ON profile
    USING gin (
        jsonb_set('{}', ARRAY[workspace_id::text], jsonb_path_query_array(devices, '$.keyvalue().key')) jsonb_path_ops
    )
    WITH (gin_pending_list_limit = 1024)
    WHERE external_id IS NULL AND devices <> '{}';

-- The relay: lanes of identifications to publish, before all other jobs of the workspace.
CREATE INDEX job_identify_due ON job (workspace_id, due_at, id)
    WHERE kind = 'identify' AND state = 'queued' AND published_at IS NULL AND lane = index;
-- The relay: unfinished identifications by the orphan's comparable value and by the external_id, which later jobs wait
-- for. The first two search keys of an identification are these. IS TRUE keeps the planner from the index job_by_state,
-- IS NOT NULL from the other one of the two.
CREATE INDEX job_identify_orphan ON job (workspace_id, (search_keys[1]), created_at, batch_id)
    WHERE kind = 'identify' AND (state IN ('queued', 'running')) IS TRUE AND search_keys[1] IS NOT NULL;
CREATE INDEX job_identify_survivor ON job (workspace_id, (search_keys[2]), created_at, batch_id)
    WHERE kind = 'identify' AND (state IN ('queued', 'running')) IS TRUE AND search_keys[2] IS NOT NULL;

SET LOCAL statement_timeout = '1min';

-- Names that changed. Every new name is in the file of its subject.
ALTER TABLE job RENAME COLUMN strandings TO stalled_attempts;
ALTER TABLE job RENAME CONSTRAINT end_exactly_when_settled TO finished_at_exactly_when_ended;
ALTER TABLE job RENAME CONSTRAINT reason_when_settled TO reason_when_ended;
ALTER TABLE job RENAME CONSTRAINT undone_by_somebody TO undone_at_with_undone_by;
ALTER INDEX job_settled RENAME TO job_ended;
ALTER INDEX job_under_way RENAME TO job_published;
ALTER INDEX job_undo_under_way RENAME TO job_undo_without_outcome;
ALTER VIEW own_job RENAME TO workspace_job;
ALTER VIEW own_profile RENAME TO workspace_profile;

ALTER TABLE duplicate_run RENAME COLUMN position TO cursor;
ALTER INDEX duplicate_run_under_way RENAME TO duplicate_run_running;

ALTER TABLE webhook_watch RENAME COLUMN look_at TO check_at;
ALTER TABLE webhook_notice RENAME TO webhook_delivery;
ALTER TABLE webhook_delivery RENAME COLUMN holder TO lease_id;
ALTER TABLE webhook_delivery RENAME CONSTRAINT held_while_waiting TO leased_while_waiting;
ALTER INDEX webhook_notice_due RENAME TO webhook_delivery_due;
ALTER INDEX webhook_notice_of_webhook RENAME TO webhook_delivery_of_webhook;

ALTER TABLE audit_entry RENAME CONSTRAINT a_deletion_keeps_no_name TO deletion_without_external_ids;
ALTER FUNCTION keep_audit() RENAME TO protect_audit;
ALTER TRIGGER keep_audit ON batch RENAME TO protect_audit;
ALTER TRIGGER keep_audit ON job RENAME TO protect_audit;
ALTER TRIGGER keep_audit ON merge_record RENAME TO protect_audit;
ALTER TRIGGER keep_audit ON identify_record RENAME TO protect_audit;
ALTER TRIGGER keep_audit ON undo_record RENAME TO protect_audit;
ALTER TRIGGER keep_audit ON audit_entry RENAME TO protect_audit;
ALTER TRIGGER keep_audit_whole ON merge_record RENAME TO protect_audit_from_truncate;
ALTER TRIGGER keep_audit_whole ON identify_record RENAME TO protect_audit_from_truncate;
ALTER TRIGGER keep_audit_whole ON undo_record RENAME TO protect_audit_from_truncate;
ALTER TRIGGER keep_audit_whole ON audit_entry RENAME TO protect_audit_from_truncate;

ALTER FUNCTION holders_of(bytea[]) RENAME TO find_valid_keys;
ALTER FUNCTION analyze_outgrown_tables(bigint) RENAME TO analyze_changed_tables;
ALTER FUNCTION workspaces_under_way() RENAME TO workspaces_with_published_jobs;
ALTER FUNCTION measured_workspaces(integer, integer) RENAME TO count_jobs_by_workspace;
ALTER FUNCTION erase_audits(integer, uuid[]) RENAME TO erase_audit_records;
ALTER FUNCTION erase_names(integer, text[]) RENAME TO erase_audit_names;

-- CREATE OR REPLACE cannot rename a column of a function's result. This one gets its body from webhooks.sql.
DROP FUNCTION workspaces_with_notices();
CREATE FUNCTION workspaces_with_due_deliveries() RETURNS TABLE (
    workspace_id integer, watches boolean, deliveries boolean
)
LANGUAGE sql
BEGIN ATOMIC
    SELECT 0, FALSE, FALSE;
END;
REVOKE ALL ON FUNCTION workspaces_with_due_deliveries() FROM PUBLIC;

-- The names that PostgreSQL gave to constraints after the former names. PostgreSQL 18 names NOT NULL constraints too.
DO $$
DECLARE
    renamed record;
BEGIN
    FOR renamed IN
        SELECT con.conrelid::regclass AS of_table, con.conname AS old_name,
            replace(con.conname, former.old_part, former.new_part) AS new_name
        FROM pg_constraint AS con
        JOIN (
            VALUES
            ('webhook_delivery', 'webhook_notice', 'webhook_delivery'),
            ('webhook_watch', 'look_at', 'check_at'),
            ('duplicate_run', 'position', 'cursor'),
            ('job', 'strandings', 'stalled_attempts')
        ) AS former (of_table, old_part, new_part)
            ON con.conrelid = former.of_table::regclass AND strpos(con.conname, former.old_part) > 0
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', renamed.of_table, renamed.old_name, renamed.new_name);
    END LOOP;
END;
$$;

-- Identifiers that came by a merge before this step count as the profile's own.
ALTER TABLE profile ADD COLUMN email_origin_id bigint, ADD COLUMN phone_origin_id bigint;
ALTER TABLE user_alias ADD COLUMN origin_id bigint;

UPDATE alembic_version SET version_num = '0024';
