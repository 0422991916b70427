-- Indexes of the batches of runs, and the checks of revision 0036 for all rows. The statements run one by one, without a
-- transaction, and can be repeated. At the end of the transition the checks are valid as in a new database.

DROP INDEX CONCURRENTLY IF EXISTS batch_by_run;
CREATE INDEX CONCURRENTLY batch_by_run ON batch (workspace_id, run_id, id) WHERE run_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS batch_to_count;
CREATE INDEX CONCURRENTLY batch_to_count ON batch (workspace_id, run_state, id)
    WHERE run_id IS NOT NULL AND run_state IS DISTINCT FROM 'settled';
ALTER TABLE batch VALIDATE CONSTRAINT duplicates_have_a_run;
ALTER TABLE audit_entry VALIDATE CONSTRAINT audit_entry_action_check;
