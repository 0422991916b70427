-- name: is_distributed
-- Returns whether Citus distributes the tables. It gives each distributed table a trigger of this function, which plain
-- PostgreSQL lacks.
SELECT
    to_regproc('pg_catalog.citus_truncate_trigger') IS NOT NULL
    AND EXISTS (
        SELECT 1
        FROM pg_trigger
        WHERE tgrelid = to_regclass('job') AND tgfoid = to_regproc('pg_catalog.citus_truncate_trigger')
    ) AS is_distributed
