-- Batches by the key that asked for them, newest last: the audit is asked for what one key did. One entry for each
-- request that makes jobs; a merge writes nothing here.
DROP INDEX CONCURRENTLY IF EXISTS batch_by_key;
CREATE INDEX CONCURRENTLY batch_by_key ON batch (workspace_id, api_key_id, id);
