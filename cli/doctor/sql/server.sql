-- What the doctor asks PostgreSQL about itself.

-- name: server
-- The server's version, its clock, and what it says of connections and of its log.
SELECT
    current_setting('server_version_num')::integer AS version_number,
    current_setting('server_version') AS version,
    clock_timestamp() AS now,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true), '0')::integer AS connections,
    current_setting('log_min_messages') AS log_min_messages,
    current_setting('log_statement') AS log_statement,
    current_setting('log_min_duration_statement') AS log_min_duration_statement,
    current_setting('log_parameter_max_length', true) AS log_parameter_max_length

-- name: sessions
-- How many connections the processes of each kind hold to this database, and for how long none of them has said
-- anything, in seconds; that is unknown to whoever may not see the sessions of their role.
SELECT
    application_name,
    count(*) AS connections,
    extract(EPOCH FROM clock_timestamp() - max(greatest(query_start, state_change)))::double precision AS silent_s
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'mergelane-%%'
GROUP BY application_name

-- name: digests
-- How many keys that open something have their digest under each pepper, by its fingerprint.
SELECT pepper, count(*) AS keys
FROM api_key
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
GROUP BY pepper

-- name: workspaces
-- Lists every workspace.
SELECT workspace_id, name FROM workspace ORDER BY workspace_id

-- name: invalid_indexes
-- Lists the indexes that were not built to their end.
SELECT index_class.relname AS name
FROM pg_index
INNER JOIN pg_class AS index_class ON index_class.oid = pg_index.indexrelid
INNER JOIN pg_namespace ON pg_namespace.oid = index_class.relnamespace
WHERE NOT pg_index.indisvalid AND pg_namespace.nspname = 'public'
ORDER BY index_class.relname

-- name: dead_jobs
-- How many jobs of a workspace are dead.
SELECT count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND state = 'dead'

-- name: oldest_waiting
-- Since when the oldest unfinished job of a workspace has been due, in seconds; no row when none is.
SELECT extract(EPOCH FROM clock_timestamp() - due_at)::double precision AS waited_s
FROM job
WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running') AND due_at <= clock_timestamp()
ORDER BY id
LIMIT 1

-- name: webhooks
-- How many webhooks a workspace has that are enabled, how many that went away, and under which peppers their secrets are.
SELECT
    count(*) FILTER (WHERE enabled) AS enabled,
    count(*) FILTER (WHERE disabled_reason IS NOT NULL) AS gone,
    coalesce(array_agg(DISTINCT pepper), '{}') AS peppers
FROM webhook
WHERE workspace_id = %(workspace_id)s

-- name: notices
-- How many notices of a workspace are dead, and for how many seconds the oldest of those that are due has been.
SELECT
    count(*) FILTER (WHERE notice.state = 'dead') AS dead,
    coalesce(
        extract(EPOCH FROM clock_timestamp() - min(notice.due_at) FILTER (WHERE notice.state = 'waiting')), 0
    )::double precision AS late_s
FROM webhook_notice AS notice
JOIN webhook ON webhook.workspace_id = notice.workspace_id AND webhook.id = notice.webhook_id
WHERE notice.workspace_id = %(workspace_id)s AND webhook.enabled
