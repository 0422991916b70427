-- The columns of revision 0048. New databases have them from the file of its subject.

-- A list by an identifier needs no second look at a job for its batch, its kind and its undo.
CREATE OR REPLACE VIEW workspace_job AS
SELECT
    workspace_id, id, state, outcome, search_keys, orphan_identifier, survivor_identifier, orphan_braze_id,
    survivor_braze_id, batch_id, kind, undone_at
FROM job
WHERE workspace_id = current_workspace();
