-- Duplicate policies of workspaces.

-- name: read_policy
-- Reads the policy of a workspace.
SELECT identifier, resolve_ties_by, prefer, daily_at, time_zone, next_daily_at
FROM duplicate_policy
WHERE workspace_id = %(workspace_id)s

-- name: write_policy
-- Sets the policy of a workspace.
INSERT INTO duplicate_policy (
    workspace_id, identifier, resolve_ties_by, prefer, daily_at, time_zone, next_daily_at
)
VALUES (
    %(workspace_id)s, %(identifier)s, %(resolve_ties_by)s, %(prefer)s, %(daily_at)s, %(time_zone)s, %(next_daily_at)s
)
ON CONFLICT (workspace_id) DO UPDATE
SET
    identifier = excluded.identifier,
    resolve_ties_by = excluded.resolve_ties_by,
    prefer = excluded.prefer,
    daily_at = excluded.daily_at,
    time_zone = excluded.time_zone,
    next_daily_at = excluded.next_daily_at

-- name: lock_due_policy
-- Locks the policy of a workspace whose daily run is due, unless another relay has locked it.
SELECT identifier, resolve_ties_by, prefer, daily_at, time_zone, next_daily_at
FROM duplicate_policy
WHERE workspace_id = %(workspace_id)s AND next_daily_at <= %(now)s
FOR UPDATE SKIP LOCKED

-- name: schedule_next_daily
-- Sets the time of the next daily run.
UPDATE duplicate_policy
SET next_daily_at = %(next_daily_at)s
WHERE workspace_id = %(workspace_id)s
