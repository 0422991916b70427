-- Queries of `mergelane doctor` about what keeps dead versions.

-- name: old_transactions
-- Lists the open and the prepared transactions that have kept dead versions of this database for long. The times of other
-- users' sessions are NULL for a user who may not see them.
SELECT
    'session ' || pid || ' of ' || coalesce(usename, '?') AS holder,
    extract(EPOCH FROM clock_timestamp() - xact_start)::double precision AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
    AND xact_start < clock_timestamp() - make_interval(secs => %(seconds)s)
    AND backend_type = 'client backend'
UNION ALL
SELECT 'prepared transaction ' || gid, extract(EPOCH FROM clock_timestamp() - prepared)::double precision
FROM pg_prepared_xacts
WHERE database = current_database() AND prepared < clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY seconds DESC
LIMIT 3
