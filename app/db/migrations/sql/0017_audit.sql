-- The audit: what merges, identifications and undos left stands in their records already; deletions and changes of
-- external_ids are kept here. All of it can be added to and not changed, but for two narrow ways: a person is erased,
-- and what is old is pruned.

-- One row for each profile that was deleted, and for each external_id that was renamed or removed.
CREATE TABLE audit_entry (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- version 7: newer ids sort later, among those of jobs too
    action text NOT NULL CHECK (action IN ('delete', 'rename', 'remove')),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    api_key_id uuid,  -- who asked
    request_id text,
    path text NOT NULL,  -- what was asked for
    braze_id text COLLATE "C",  -- whom it was about
    external_id text COLLATE "C",  -- the one that was renamed or removed; null once the person was erased
    new_external_id text COLLATE "C",  -- of a rename; likewise
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT a_deletion_keeps_no_name CHECK (action <> 'delete' OR num_nonnulls(external_id, new_external_id) = 0)
);
CREATE INDEX audit_entry_by_action ON audit_entry (workspace_id, action, id);
CREATE INDEX audit_entry_by_key ON audit_entry (workspace_id, api_key_id, id);
CREATE INDEX audit_entry_by_braze_id ON audit_entry (workspace_id, braze_id);
CREATE INDEX audit_entry_by_external_id ON audit_entry (workspace_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX audit_entry_by_new_external_id ON audit_entry (workspace_id, new_external_id)
    WHERE new_external_id IS NOT NULL;

-- What one key asked for is found by its batches: one entry for each request that makes jobs, none for a merge.
-- Harmless: no release has filled the table yet.
CREATE INDEX batch_by_key ON batch (workspace_id, api_key_id, id);

-- Harmless: the table is new.
ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON audit_entry USING (workspace_id = current_workspace());

-- What guards the audit, whoever asks, its owner too. The ways past it are the functions below, which say by a setting,
-- for the rest of their transaction, which they are; it is worth nothing to a role that may not change the tables itself.
-- An erasure may do one thing: put the columns of the trigger's argument, if there is one, to what that says, and leave
-- all others as they are.
CREATE FUNCTION keep_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way text := current_setting('mergelane.audit_way', true);
BEGIN
    IF TG_OP = 'DELETE' AND way = 'pruning' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND way = 'erasure' AND TG_NARGS = 1 AND to_jsonb(NEW) = to_jsonb(OLD) || TG_ARGV[0]::jsonb THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('The audit can be added to and not changed: %s on %s is refused.', TG_OP, TG_TABLE_NAME),
        HINT = 'A person is erased by /users/delete; what is old goes after MERGELANE_AUDIT_DAYS.';
END;
$$;

-- Harmless: old code changes these in two ways, erasing and pruning. Both are refused from here on until it is replaced,
-- whole, and are asked for again: an answer of 500 to /users/delete, a round of the pruning that is left out.
CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON merge_record FOR EACH ROW EXECUTE FUNCTION keep_audit(
    '{"orphan_before": {}, "survivor_before": {}, "changes": [], "deprecated_external_ids": []}'
);
-- Harmless: likewise.
CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON undo_record FOR EACH ROW EXECUTE FUNCTION keep_audit(
    '{"changes": []}'
);
-- Harmless: likewise.
CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON identify_record FOR EACH ROW EXECUTE FUNCTION keep_audit();
-- Harmless: the table is new.
CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION keep_audit(
    '{"external_id": null, "new_external_id": null}'
);
-- Harmless: no code empties tables.
CREATE TRIGGER keep_audit_whole BEFORE TRUNCATE ON merge_record EXECUTE FUNCTION keep_audit();
-- Harmless: likewise.
CREATE TRIGGER keep_audit_whole BEFORE TRUNCATE ON undo_record EXECUTE FUNCTION keep_audit();
-- Harmless: likewise.
CREATE TRIGGER keep_audit_whole BEFORE TRUNCATE ON identify_record EXECUTE FUNCTION keep_audit();
-- Harmless: likewise.
CREATE TRIGGER keep_audit_whole BEFORE TRUNCATE ON audit_entry EXECUTE FUNCTION keep_audit();

-- Who asked, and for what, stands with the batch; whom it was about, and what came of it, with the job. A job has its
-- outcome once, so this is looked at when that is written, after the row is, and calls nothing but for an attempt.
-- Harmless: no code changes either.
CREATE TRIGGER keep_audit BEFORE UPDATE OF api_key_id, path ON batch FOR EACH ROW EXECUTE FUNCTION keep_audit();
-- Harmless: likewise.
CREATE TRIGGER keep_audit AFTER UPDATE OF outcome, kind, batch_id, undoes, undone_by, orphan_id, survivor_id,
    orphan_braze_id, survivor_braze_id ON job
FOR EACH ROW
WHEN (
    OLD.outcome IN ('merged', 'identified', 'undone', 'undone_in_part')
    AND (
        OLD.outcome IS DISTINCT FROM NEW.outcome OR OLD.kind <> NEW.kind OR OLD.batch_id <> NEW.batch_id
        OR OLD.undoes IS DISTINCT FROM NEW.undoes OR OLD.orphan_id IS DISTINCT FROM NEW.orphan_id
        OR OLD.survivor_id IS DISTINCT FROM NEW.survivor_id OR OLD.orphan_braze_id IS DISTINCT FROM NEW.orphan_braze_id
        OR OLD.survivor_braze_id IS DISTINCT FROM NEW.survivor_braze_id
        OR (OLD.undone_by IS NOT NULL AND OLD.undone_by IS DISTINCT FROM NEW.undone_by)
    )
)
EXECUTE FUNCTION keep_audit();

-- Erases what the audits of jobs show of anybody. To be called in a transaction that was told the workspace.
CREATE FUNCTION erase_audits(workspace_id integer, job_ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_way', 'erasure', true);
    UPDATE merge_record AS record
    SET orphan_before = '{}', survivor_before = '{}', changes = '[]', deprecated_external_ids = '{}'
    WHERE record.workspace_id = erase_audits.workspace_id AND record.workspace_id = current_workspace()
        AND record.job_id = ANY(erase_audits.job_ids);
    UPDATE undo_record AS record
    SET changes = '[]'
    WHERE record.workspace_id = erase_audits.workspace_id AND record.workspace_id = current_workspace()
        AND record.job_id = ANY(erase_audits.job_ids);
END;

-- Erases the external_ids that the audit knows of people, by the braze_ids that they had.
CREATE FUNCTION erase_names(workspace_id integer, braze_ids text[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_way', 'erasure', true);
    UPDATE audit_entry AS entry
    SET external_id = NULL, new_external_id = NULL
    WHERE entry.workspace_id = erase_names.workspace_id AND entry.workspace_id = current_workspace()
        AND entry.braze_id = ANY(erase_names.braze_ids) AND entry.action <> 'delete';
END;

-- Deletes the oldest finished batches with their jobs and audit; a batch with an unfinished or dead job stays.
CREATE FUNCTION prune_batches(workspace_id integer, before uuid, most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_way', 'pruning', true);
    WITH gone AS (
        DELETE FROM batch
        WHERE batch.workspace_id = prune_batches.workspace_id AND batch.workspace_id = current_workspace()
            AND batch.id IN (
                SELECT old.id
                FROM batch AS old
                WHERE old.workspace_id = prune_batches.workspace_id
                    AND old.id < prune_batches.before
                    AND NOT EXISTS (
                        SELECT 1
                        FROM job
                        WHERE job.workspace_id = old.workspace_id AND job.batch_id = old.id AND job.state <> 'finished'
                    )
                ORDER BY old.id
                LIMIT prune_batches.most
                FOR UPDATE SKIP LOCKED
            )
        RETURNING 1
    )

    SELECT count(*) FROM gone;
END;

-- Deletes the oldest entries of the audit that hang on no batch.
CREATE FUNCTION prune_audit_entries(workspace_id integer, before uuid, most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_way', 'pruning', true);
    WITH gone AS (
        DELETE FROM audit_entry AS entry
        WHERE entry.workspace_id = prune_audit_entries.workspace_id AND entry.workspace_id = current_workspace()
            AND entry.id IN (
                SELECT old.id
                FROM audit_entry AS old
                WHERE old.workspace_id = prune_audit_entries.workspace_id AND old.id < prune_audit_entries.before
                ORDER BY old.id
                LIMIT prune_audit_entries.most
                FOR UPDATE SKIP LOCKED
            )
        RETURNING 1
    )

    SELECT count(*) FROM gone;
END;

REVOKE ALL ON FUNCTION
    erase_audits(integer, uuid[]), erase_names(integer, text[]), prune_batches(integer, uuid, integer),
    prune_audit_entries(integer, uuid, integer)
FROM PUBLIC;
