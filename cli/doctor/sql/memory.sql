-- Queries of `mergelane doctor` about the memory settings of the server.

-- name: memory
-- Reads the memory settings in bytes, the size of this database, and the compression that the server offers.
SELECT
    pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
    pg_size_bytes(current_setting('effective_cache_size')) AS effective_cache_size,
    pg_size_bytes(current_setting('maintenance_work_mem')) AS maintenance_work_mem,
    pg_size_bytes(current_setting('max_wal_size')) AS max_wal_size,
    current_setting('wal_compression') AS wal_compression,
    current_setting('default_toast_compression') AS default_toast_compression,
    pg_database_size(current_database()) AS size,
    EXISTS (SELECT FROM pg_settings WHERE name = 'wal_compression' AND 'lz4' = ANY(enumvals)) AS offers_lz4

-- name: checkpoints
-- Counts the checkpoints by time and those by the size of the WAL or by request, since the statistics were reset.
SELECT num_timed AS timed, num_requested AS requested FROM pg_stat_checkpointer

-- name: old_checkpoints
-- Does the same on servers before version 17.
SELECT checkpoints_timed AS timed, checkpoints_req AS requested FROM pg_stat_bgwriter

-- name: updates
-- Lists the tables of the schema with many updates: how many, how many of them were HOT, and the fill factor.
SELECT
    stat.relname AS name, stat.n_tup_upd AS updates, stat.n_tup_hot_upd AS hot,
    coalesce(
        (SELECT option_value::integer FROM pg_options_to_table(pg_class.reloptions) WHERE option_name = 'fillfactor'), 100
    ) AS fillfactor
FROM pg_stat_user_tables AS stat
JOIN pg_class ON pg_class.oid = stat.relid
WHERE pg_class.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('job'))
    AND stat.n_tup_upd >= %(least)s
ORDER BY stat.n_tup_upd DESC
