-- The batches of runs over duplicates, in the order of their making; those of requests cost nothing here.

DROP INDEX CONCURRENTLY IF EXISTS batch_of_run;
CREATE INDEX CONCURRENTLY batch_of_run ON batch (workspace_id, id) WHERE source = 'duplicates';
