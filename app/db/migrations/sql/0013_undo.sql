-- Merges can be undone.

ALTER TABLE job
    ADD COLUMN undoes uuid,  -- of an undo: the job that it takes back
    ADD COLUMN not_restored jsonb,  -- of an undo: [{identifier, why}]
    ADD COLUMN undone_at timestamptz,  -- of a merge
    ADD COLUMN undone_by uuid,  -- of a merge: the undo
    -- Not validated: older rows have neither kind nor columns, and the ledger need not be read to know it.
    ADD CONSTRAINT undo_names_its_job CHECK ((kind = 'undo') = (undoes IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT undone_by_somebody CHECK ((undone_at IS NULL) = (undone_by IS NULL)) NOT VALID;

-- Harmless: no release has filled the table yet.
-- One undo of a job at a time: while one is queued, running or dead, there is no other.
CREATE UNIQUE INDEX job_undo_under_way ON job (workspace_id, undoes)
    WHERE undoes IS NOT NULL AND outcome IS NULL;

-- The deprecated external_ids that the orphan had, whether they moved with it or not.
ALTER TABLE merge_record ADD COLUMN deprecated_external_ids text[] NOT NULL DEFAULT '{}';

-- The audit of a profile that got an external_id; which one, its job says.
CREATE TABLE identify_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    identified_at timestamptz NOT NULL,
    profile_id bigint NOT NULL,
    updated_before timestamptz NOT NULL,  -- the profile's update time before it
    PRIMARY KEY (workspace_id, job_id),
    FOREIGN KEY (workspace_id, job_id) REFERENCES job (workspace_id, id) ON DELETE CASCADE
);

-- The audit of an undo. Where a profile lost an external_id again, both sides are that profile.
CREATE TABLE undo_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    undone_job_id uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    undone_at timestamptz NOT NULL,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    changes jsonb NOT NULL,  -- on the survivor: [{field, before, after, rule}]
    PRIMARY KEY (workspace_id, job_id),
    FOREIGN KEY (workspace_id, job_id) REFERENCES job (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX undo_record_of_survivor ON undo_record (workspace_id, survivor_id, merged_at);
CREATE INDEX undo_record_of_orphan ON undo_record (workspace_id, orphan_id, merged_at);

-- Harmless: the tables are new.
ALTER TABLE identify_record ENABLE ROW LEVEL SECURITY;
-- Harmless: likewise.
ALTER TABLE undo_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON identify_record USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON undo_record USING (workspace_id = current_workspace());
