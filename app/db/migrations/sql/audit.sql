-- The audit: a record of every merge, identification and undo, and an entry for every deletion and change of an
-- external_id. Rows are added and not changed, with two exceptions: the erasure of a person, and pruning.

-- Refuses changes of the audit to every role, including the owner. The setting mergelane.audit_change permits one kind of
-- change for the rest of a transaction: erase_audit_records and erase_audit_names set it to 'erasure', prune_old_batches
-- and prune_old_audit_entries to 'pruning'. A role without UPDATE or DELETE on the table cannot use it. An erasure may only set
-- the columns in the trigger's argument, a JSON object, to the values there.
CREATE OR REPLACE FUNCTION protect_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    permitted text := current_setting('mergelane.audit_change', true);
BEGIN
    IF TG_OP = 'DELETE' AND permitted = 'pruning' THEN
        RETURN OLD;
    END IF;
    -- The owner of the tables moves a workspace to another cell, or deletes one that has moved: app/moving.
    IF TG_LEVEL = 'ROW' AND permitted = 'moving' AND pg_has_role(
        current_user, (SELECT pg_class.relowner FROM pg_class WHERE pg_class.oid = TG_RELID), 'USAGE'
    ) THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND permitted = 'erasure' AND TG_NARGS = 1 AND to_jsonb(NEW) = to_jsonb(OLD) || TG_ARGV[0]::jsonb THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('The audit can be added to and not changed: %s on %s is refused.', TG_OP, TG_TABLE_NAME),
        HINT = 'To erase a person, use /users/delete. Old rows are deleted after MERGELANE_AUDIT_DAYS.';
END;
$$;


-- One row for each merge: both profiles before it. The changes of the survivor are computed from them and the version of
-- the rules. Older rows have no version and store their changes.
CREATE TABLE merge_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    -- json, not jsonb: these documents are read whole, and json keeps the text without parsing it.
    orphan_before json NOT NULL,
    survivor_before json NOT NULL,
    origins bigint[] NOT NULL,  -- origins that moved from the orphan to the survivor, including the orphan itself
    changes json,  -- [{field, before, after, rule}]; null: they are computed. Erased rows have none: []
    deprecated_external_ids text[] NOT NULL DEFAULT '{}',  -- all that the orphan had, moved or not
    rules smallint,  -- the version of the rules; null: the changes are stored
    PRIMARY KEY (workspace_id, job_id),
    FOREIGN KEY (workspace_id, job_id) REFERENCES job (workspace_id, id) ON DELETE CASCADE,
    CHECK (orphan_id <> survivor_id)
-- A row of up to half a page is not compressed. Compression to PostgreSQL's default of a quarter of a page takes 5 % of
-- the processor time of a merge and saves 10 % of the space.
) WITH (toast_tuple_target = 4080);

-- No plan uses statistics of these columns.
ALTER TABLE merge_record
    ALTER COLUMN changes SET STATISTICS 0,
    ALTER COLUMN deprecated_external_ids SET STATISTICS 0,
    ALTER COLUMN orphan_before SET STATISTICS 0,
    ALTER COLUMN origins SET STATISTICS 0,
    ALTER COLUMN survivor_before SET STATISTICS 0;

ALTER TABLE merge_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON merge_record USING (workspace_id = current_workspace());

CREATE TRIGGER protect_audit BEFORE UPDATE OR DELETE ON merge_record FOR EACH ROW EXECUTE FUNCTION protect_audit(
    '{"orphan_before": {}, "survivor_before": {}, "changes": [], "deprecated_external_ids": []}'
);
CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON merge_record EXECUTE FUNCTION protect_audit();


-- One row for each profile that was identified. The job has the new external_id.
CREATE TABLE identify_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    identified_at timestamptz NOT NULL,
    profile_id bigint NOT NULL,
    updated_before timestamptz NOT NULL,  -- the profile's updated_at before it
    PRIMARY KEY (workspace_id, job_id),
    FOREIGN KEY (workspace_id, job_id) REFERENCES job (workspace_id, id) ON DELETE CASCADE
);

ALTER TABLE identify_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identify_record USING (workspace_id = current_workspace());

CREATE TRIGGER protect_audit BEFORE UPDATE OR DELETE ON identify_record FOR EACH ROW EXECUTE FUNCTION protect_audit();
CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON identify_record EXECUTE FUNCTION protect_audit();


-- One row for each undo. After the undo of an identification, orphan_id and survivor_id are the same profile.
CREATE TABLE undo_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    undone_job_id uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    undone_at timestamptz NOT NULL,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    changes jsonb NOT NULL,  -- of the survivor: [{field, before, after, rule}]
    PRIMARY KEY (workspace_id, job_id),
    FOREIGN KEY (workspace_id, job_id) REFERENCES job (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX undo_record_of_survivor ON undo_record (workspace_id, survivor_id, merged_at);
CREATE INDEX undo_record_of_orphan ON undo_record (workspace_id, orphan_id, merged_at);

-- No plan uses statistics of this column.
ALTER TABLE undo_record ALTER COLUMN changes SET STATISTICS 0;

ALTER TABLE undo_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON undo_record USING (workspace_id = current_workspace());

CREATE TRIGGER protect_audit BEFORE UPDATE OR DELETE ON undo_record FOR EACH ROW EXECUTE FUNCTION protect_audit(
    '{"changes": []}'
);
CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON undo_record EXECUTE FUNCTION protect_audit();


-- One row for each deleted profile, each external_id that was renamed or removed, each profile whose consent changed
-- with its address or with another profile that has it, and each side of a pair that was excluded or allowed again. Each
-- complete erasure has a certificate, with the action erasure.
CREATE TABLE audit_entry (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later, also among the ids of jobs
    action text NOT NULL CHECK (action IN (
        'delete', 'rename', 'remove', 'consent', 'exclude', 'allow', 'erasure', 'pause', 'resume', 'limit', 'cancel',
        'run', 'plan')),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    api_key_id uuid,  -- the key of the request
    request_id text,
    path text NOT NULL,  -- the path of the request
    braze_id text COLLATE "C",  -- of the profile
    external_id text COLLATE "C",  -- the renamed or removed one; null after the person was erased
    new_external_id text COLLATE "C",  -- after a rename; null after the person was erased
    source_braze_id text COLLATE "C",  -- the profile that the consent was set for, or the other one of an excluded pair
    changes json,  -- of consent, exclusions and the queue, and rows by table of an erasure: [{field, before, after, rule}]; null after the person was erased
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT deletion_without_external_ids
        CHECK (action <> 'delete' OR num_nonnulls(external_id, new_external_id) = 0)
);
CREATE INDEX audit_entry_by_action ON audit_entry (workspace_id, action, id);
CREATE INDEX audit_entry_by_key ON audit_entry (workspace_id, api_key_id, id);
CREATE INDEX audit_entry_by_braze_id ON audit_entry (workspace_id, braze_id);
CREATE INDEX audit_entry_by_external_id ON audit_entry (workspace_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX audit_entry_by_new_external_id ON audit_entry (workspace_id, new_external_id)
    WHERE new_external_id IS NOT NULL;
-- Finds old entries to delete.
CREATE INDEX audit_entry_age ON audit_entry (workspace_id, at);

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON audit_entry USING (workspace_id = current_workspace());

CREATE TRIGGER protect_audit BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION protect_audit(
    '{"external_id": null, "new_external_id": null, "changes": null}'
);
CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON audit_entry EXECUTE FUNCTION protect_audit();


-- Batches and jobs are part of the audit too: the batch has the key and path of the request, the job has the profiles
-- and the outcome. The trigger of job runs after the update that writes the outcome, and then only on an attempt to
-- change a job with such an outcome.
CREATE TRIGGER protect_audit BEFORE UPDATE OF api_key_id, path ON batch FOR EACH ROW EXECUTE FUNCTION protect_audit();
CREATE TRIGGER protect_audit AFTER UPDATE OF outcome, kind, batch_id, undoes, undone_by, orphan_id, survivor_id,
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
EXECUTE FUNCTION protect_audit();


-- Erases personal data from the records of these jobs. Does nothing for another workspace than the transaction's.
CREATE OR REPLACE FUNCTION erase_audit_records(workspace_id integer, job_ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_change', 'erasure', true);
    UPDATE merge_record AS record
    SET orphan_before = '{}', survivor_before = '{}', changes = '[]', deprecated_external_ids = '{}'
    WHERE record.workspace_id = erase_audit_records.workspace_id AND record.workspace_id = current_workspace()
        AND record.job_id = ANY(erase_audit_records.job_ids);
    UPDATE undo_record AS record
    SET changes = '[]'
    WHERE record.workspace_id = erase_audit_records.workspace_id AND record.workspace_id = current_workspace()
        AND record.job_id = ANY(erase_audit_records.job_ids);
END;

-- Erases the external_ids, the consent and the exclusions in the entries of these braze_ids, and the exclusions in the
-- entries of the other profiles of their pairs. Does nothing for another workspace than the transaction's.
CREATE OR REPLACE FUNCTION erase_audit_names(workspace_id integer, braze_ids text[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_change', 'erasure', true);
    UPDATE audit_entry AS entry
    SET external_id = NULL, new_external_id = NULL, changes = NULL
    WHERE entry.workspace_id = erase_audit_names.workspace_id AND entry.workspace_id = current_workspace()
        AND entry.braze_id = ANY(erase_audit_names.braze_ids) AND entry.action NOT IN ('delete', 'erasure');
    UPDATE audit_entry AS entry
    SET changes = NULL
    WHERE entry.workspace_id = erase_audit_names.workspace_id AND entry.workspace_id = current_workspace()
        AND entry.action IN ('exclude', 'allow') AND entry.source_braze_id = ANY(erase_audit_names.braze_ids)
        AND entry.braze_id IN (
            SELECT own.source_braze_id
            FROM audit_entry AS own
            WHERE own.workspace_id = erase_audit_names.workspace_id
                AND own.braze_id = ANY(erase_audit_names.braze_ids) AND own.action IN ('exclude', 'allow')
        );
END;

-- Deletes up to *most* finished batches whose jobs all ended longer than *age* ago, with their jobs and records. The ages
-- are by the clock of this server; the time inside an id, which a process made, says nothing. A batch with an unfinished
-- or dead job stays. The walk follows the index job_ended, oldest first. A batch without jobs is not in it: one goes when
-- it is among the *most* first ids. Returns the number of batches.
CREATE OR REPLACE FUNCTION prune_old_batches(workspace_id integer, age interval, most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_change', 'pruning', true);
    -- One plan is possible: the ended jobs in the order of their index, with one probe of each batch, as few as are needed.
    -- With other plans each call read all jobs that are kept, or all that can be deleted. IS TRUE excludes job_by_state.
    WITH ended AS (
        SELECT job.batch_id AS id
        FROM job
        WHERE job.workspace_id = prune_old_batches.workspace_id
            AND job.finished_at < now() - prune_old_batches.age AND (job.outcome IS NOT NULL) IS TRUE
            AND (
                SELECT other.id
                FROM job AS other
                WHERE other.workspace_id = prune_old_batches.workspace_id AND other.batch_id = job.batch_id
                    AND (other.outcome IS NULL OR other.finished_at >= now() - prune_old_batches.age) IS TRUE
                LIMIT 1
            ) IS NULL
        ORDER BY job.finished_at
        LIMIT prune_old_batches.most
    ),

    first AS (
        SELECT batch.id
        FROM batch
        WHERE batch.workspace_id = prune_old_batches.workspace_id
        ORDER BY batch.id
        LIMIT prune_old_batches.most
    ),

    empty AS (
        SELECT first.id
        FROM first
        WHERE (
            SELECT job.id
            FROM job
            WHERE job.workspace_id = prune_old_batches.workspace_id AND job.batch_id = first.id
            LIMIT 1
        ) IS NULL
    ),

    locked AS (
        SELECT old.id
        FROM batch AS old
        WHERE old.workspace_id = prune_old_batches.workspace_id
            AND old.id = ANY(ARRAY(SELECT ended.id FROM ended UNION SELECT empty.id FROM empty))
            AND old.created_at < now() - prune_old_batches.age
        FOR UPDATE SKIP LOCKED
    ),

    gone AS (
        DELETE FROM batch
        WHERE batch.workspace_id = prune_old_batches.workspace_id AND batch.workspace_id = current_workspace()
            AND batch.id = ANY(ARRAY(SELECT locked.id FROM locked))
        RETURNING 1
    )

    SELECT count(*) FROM gone;
END;

-- Deletes up to *most* entries that are older than *age*, oldest first. Returns the number of entries.
CREATE OR REPLACE FUNCTION prune_old_audit_entries(workspace_id integer, age interval, most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT set_config('mergelane.audit_change', 'pruning', true);
    WITH gone AS (
        DELETE FROM audit_entry AS entry
        WHERE entry.workspace_id = prune_old_audit_entries.workspace_id AND entry.workspace_id = current_workspace()
            AND entry.id = ANY(ARRAY(
                SELECT old.id
                FROM audit_entry AS old
                WHERE old.workspace_id = prune_old_audit_entries.workspace_id
                    AND old.at < now() - prune_old_audit_entries.age
                ORDER BY old.at
                LIMIT prune_old_audit_entries.most
                FOR UPDATE SKIP LOCKED
            ))
        RETURNING 1
    )

    SELECT count(*) FROM gone;
END;

-- Relays of a version before revision 0027 call these two, with an id made from their own clock as the bound. They delete
-- nothing: a relay of this version prunes.
CREATE OR REPLACE FUNCTION prune_batches(workspace_id integer, before uuid, most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 0::bigint;
END;

CREATE OR REPLACE FUNCTION prune_audit_entries(workspace_id integer, before uuid, most integer) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 0::bigint;
END;

REVOKE ALL ON FUNCTION
    erase_audit_records(integer, uuid[]), erase_audit_names(integer, text[]),
    prune_old_batches(integer, interval, integer), prune_old_audit_entries(integer, interval, integer),
    prune_batches(integer, uuid, integer), prune_audit_entries(integer, uuid, integer)
FROM PUBLIC;
