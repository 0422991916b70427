-- Changes a database at revision 0023, the last of the 23 former migrations, to the schema of the files beside this one.
--
-- app/db/migrations/__init__.py runs this file and then every CREATE OR REPLACE FUNCTION of those files. A change of
-- the schema before the first release is made in both places: in the file of its subject for new databases, and here.

-- To read a table of a million rows takes longer than the minute that a statement of a migration has.
SET LOCAL statement_timeout = '1h';

-- These were added as NOT VALID, so that old rows were not read.
ALTER TABLE job VALIDATE CONSTRAINT undo_names_its_job, VALIDATE CONSTRAINT undone_by_somebody;
ALTER TABLE batch VALIDATE CONSTRAINT source_is_known, VALIDATE CONSTRAINT run_of_duplicates;

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

-- The pending lanes of the current workspace that wait for an identification: a job of theirs names an identifier of an
-- unfinished identification that was accepted earlier, in another batch. *id* is the first job of the lane. Batches are
-- ordered by time and id, so that lanes never wait for each other in a circle. Each LIMIT is one index lookup.
CREATE VIEW held_lane AS
SELECT head.workspace_id, head.id
FROM job AS head
CROSS JOIN LATERAL (
    SELECT unnest(member.search_keys) AS key
    FROM job AS member
    WHERE member.workspace_id = head.workspace_id AND member.batch_id = head.batch_id AND member.index >= head.lane
        AND member.lane = head.lane AND (member.state = 'queued') IS TRUE
    OFFSET 0
) AS named
CROSS JOIN LATERAL (
    (
        SELECT identification.id
        FROM job AS identification
        WHERE identification.workspace_id = head.workspace_id AND identification.search_keys[1] = named.key
            AND identification.kind = 'identify' AND (identification.state IN ('queued', 'running')) IS TRUE
            AND (identification.created_at, identification.batch_id) < (head.created_at, head.batch_id)
        LIMIT 1
    )
    UNION ALL
    (
        SELECT identification.id
        FROM job AS identification
        WHERE identification.workspace_id = head.workspace_id AND identification.search_keys[2] = named.key
            AND identification.kind = 'identify' AND (identification.state IN ('queued', 'running')) IS TRUE
            AND (identification.created_at, identification.batch_id) < (head.created_at, head.batch_id)
        LIMIT 1
    )
) AS earlier
WHERE head.workspace_id = current_workspace();

SET LOCAL statement_timeout = '1min';

UPDATE alembic_version SET version_num = '0024';
