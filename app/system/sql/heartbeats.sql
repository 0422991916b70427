-- The heartbeats of the processes. They belong to the installation, not to a workspace.

-- name: beat
-- Writes the heartbeat of a process. The first one sets the time of its start.
INSERT INTO process_heartbeat (
    id, kind, name, host, pid, version, schema_version, broker_state, cell, key_peppers, webhook_peppers
)
VALUES (
    %(id)s, %(kind)s, %(name)s, %(host)s, %(pid)s, %(version)s, %(schema_version)s, %(broker_state)s, %(cell)s,
    %(key_peppers)s, %(webhook_peppers)s
)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, broker_state = excluded.broker_state

-- name: prune_heartbeats
-- Deletes the rows of processes that ended an hour ago, and of the former process with this number on this host.
DELETE FROM process_heartbeat
WHERE id <> %(id)s AND (seen_at < now() - interval '1 hour' OR (kind = %(kind)s AND host = %(host)s AND pid = %(pid)s))

-- name: delete_heartbeat
-- Deletes the row of a process that ends.
DELETE FROM process_heartbeat WHERE id = %(id)s

-- name: list_processes
-- Lists the processes, the latest start first. The ages are not negative when PostgreSQL's clock was set back.
SELECT
    kind, name, host, pid, version, schema_version, broker_state, started_at, seen_at,
    greatest(extract(EPOCH FROM now() - seen_at), 0)::double precision AS silent_s
FROM process_heartbeat
WHERE seen_at > now() - interval '1 hour'
ORDER BY seen_at DESC, id
LIMIT %(limit)s
