-- Queries of `mergelane doctor`.

-- name: server
-- Reads version, connection limit and log settings of the server.
SELECT
    current_setting('server_version_num')::integer AS version_number,
    current_setting('server_version') AS version,
    current_setting('transaction_read_only')::boolean AS read_only,
    pg_is_in_recovery() AS standby,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
    - coalesce(current_setting('reserved_connections', true), '0')::integer AS connections,
    current_setting('log_min_messages') AS log_min_messages,
    current_setting('log_statement') AS log_statement,
    current_setting('log_min_duration_statement') AS log_min_duration_statement,
    current_setting('log_parameter_max_length', true) AS log_parameter_max_length

-- name: sessions
-- Counts the connections of each kind of process to this database, and the seconds since the last query of any of
-- them; NULL for a user who may not see sessions of other roles.
SELECT
    split_part(application_name, '/', 1) AS application_name,
    count(*) AS connections,
    extract(EPOCH FROM clock_timestamp() - max(greatest(query_start, state_change)))::double precision AS silent_s
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'mergelane-%%'
GROUP BY split_part(application_name, '/', 1)

-- name: digests
-- Counts the valid keys by the fingerprint of the pepper in their digest.
SELECT pepper, count(*) AS keys
FROM api_key
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
GROUP BY pepper

-- name: workspaces
-- Lists every workspace.
SELECT workspace_id, name FROM workspace ORDER BY workspace_id

-- name: invalid_indexes
-- Lists invalid indexes.
SELECT index_class.relname AS name
FROM pg_index
INNER JOIN pg_class AS index_class ON index_class.oid = pg_index.indexrelid
INNER JOIN pg_namespace ON pg_namespace.oid = index_class.relnamespace
WHERE NOT pg_index.indisvalid AND pg_namespace.nspname = 'public'
ORDER BY index_class.relname

-- name: dead_jobs
-- Counts the dead jobs of a workspace.
SELECT count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND state = 'dead'

-- name: oldest_waiting
-- Reads the seconds since the oldest unfinished job of a workspace was due, at least 0; no row when there is none. A job
-- that is due at once has the time less a century, moved by 1826 days for each step of its urgency.
SELECT greatest(
    extract(
        EPOCH FROM clock_timestamp() - CASE
            WHEN due_at < now() - interval '50 years'
                THEN due_at + interval '100 years' - (priority - 3) * interval '1826 days'
            ELSE due_at
        END
    ), 0
)::double precision AS waited_s
FROM job
WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running')
ORDER BY id
LIMIT 1

-- name: webhooks
-- Counts the enabled webhooks of a workspace and the webhooks that returned 410, and lists the peppers of their secrets.
SELECT
    count(*) FILTER (WHERE enabled) AS enabled,
    count(*) FILTER (WHERE disabled_reason IS NOT NULL) AS gone,
    coalesce(array_agg(DISTINCT pepper), '{}') AS peppers
FROM webhook
WHERE workspace_id = %(workspace_id)s

-- name: deliveries
-- Counts the dead deliveries of a workspace, and reads the seconds since its oldest waiting delivery was due, at least 0.
-- A delivery that is due at once has a time in the last century.
SELECT
    count(*) FILTER (WHERE delivery.state = 'dead') AS dead,
    greatest(
        extract(
            EPOCH FROM clock_timestamp()
            - min(CASE
                WHEN delivery.due_at < now() - interval '50 years' THEN delivery.due_at + interval '100 years'
                ELSE delivery.due_at
            END) FILTER (WHERE delivery.state = 'waiting')
        ), 0
    )::double precision AS late_s
FROM webhook_delivery AS delivery
JOIN webhook ON webhook.workspace_id = delivery.workspace_id AND webhook.id = delivery.webhook_id
WHERE delivery.workspace_id = %(workspace_id)s AND webhook.enabled
