-- Workspaces as the owner of the tables sees them, and how far their moves are.

-- name: find_workspace
-- Finds a workspace by its name.
SELECT workspace_id, name, created_at, rate_limits, route_label, availability FROM workspace WHERE name = %(name)s

-- name: find_conflicts
-- Lists the workspaces that have the id, the name or the label of another one.
SELECT workspace_id, name, route_label, availability
FROM workspace
WHERE workspace_id = %(workspace_id)s OR name = %(name)s OR route_label = %(route_label)s

-- name: list_workspaces
-- Lists all workspaces with their labels, by name.
SELECT workspace_id, name, route_label, availability FROM workspace ORDER BY name

-- name: add_arriving
-- Inserts a workspace of another cell, closed, or closes the one that had moved from here.
INSERT INTO workspace AS own (workspace_id, name, created_at, rate_limits, route_label, availability)
OVERRIDING SYSTEM VALUE
VALUES (
    %(workspace_id)s, %(name)s, %(created_at)s, %(rate_limits)s, %(route_label)s, 'arriving'
)
ON CONFLICT (workspace_id) DO UPDATE SET rate_limits = excluded.rate_limits, availability = excluded.availability

-- name: set_availability
-- Opens or closes a workspace.
UPDATE workspace SET availability = %(availability)s WHERE workspace_id = %(workspace_id)s

-- name: begin_move
-- Records that a move begins, or returns the target of the one that was interrupted.
INSERT INTO workspace_move AS move (workspace_id, target, step)
VALUES (%(workspace_id)s, %(target)s, 'copying')
ON CONFLICT (workspace_id) DO UPDATE
SET
    target = CASE WHEN move.step = 'done' THEN excluded.target ELSE move.target END,
    step = CASE WHEN move.step = 'done' THEN excluded.step ELSE move.step END
RETURNING move.target, move.step

-- name: record_step
-- Records the step that begins.
UPDATE workspace_move
SET step = %(step)s, step_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s

-- name: record_tables
-- Records the rows and checksums that both cells had.
UPDATE workspace_move SET tables = %(tables)s WHERE workspace_id = %(workspace_id)s

-- name: read_tables
-- Returns the recorded rows and checksums.
SELECT tables FROM workspace_move WHERE workspace_id = %(workspace_id)s

-- name: hold_arriving
-- Keeps a workspace closed until this transaction ends; returns no row when it is not arriving.
SELECT workspace_id FROM workspace WHERE workspace_id = %(workspace_id)s AND availability = 'arriving' FOR SHARE

-- name: end_move
-- Deletes the record of a move.
DELETE FROM workspace_move WHERE workspace_id = %(workspace_id)s

-- name: delete_workspace
-- Deletes a workspace without rows.
DELETE FROM workspace WHERE workspace_id = %(workspace_id)s

-- name: count_jobs_under_way
-- Counts the jobs whose message is in the broker or that a worker runs.
SELECT count(*) AS jobs
FROM job
WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running') AND published_at IS NOT NULL

-- name: reset_feed
-- Lets the numbering of the identity feed look at all changes again. It skips a change with a number.
UPDATE identity_feed
SET
    snapshot = DEFAULT, resume_at = NULL, checkpoint_xids = DEFAULT, checkpoint_times = DEFAULT, horizon = DEFAULT,
    checked_at = DEFAULT
WHERE workspace_id = %(workspace_id)s

-- name: wake_processes
-- Wakes the relay and the sender, which sleep until PostgreSQL notifies them.
SELECT pg_notify(channel, '') FROM unnest(ARRAY['mergelane_job', 'mergelane_webhook_delivery']) AS channel

-- name: list_peppers
-- Lists the fingerprints of the peppers of the keys that are valid, and of the webhooks.
SELECT 'key' AS kind, pepper
FROM api_key
WHERE workspace_id = %(workspace_id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
UNION
SELECT 'webhook' AS kind, secret.pepper
FROM webhook
CROSS JOIN LATERAL (VALUES (webhook.pepper), (webhook.former_pepper)) AS secret (pepper)
WHERE webhook.workspace_id = %(workspace_id)s AND secret.pepper IS NOT NULL

-- name: list_process_peppers
-- Lists the peppers and the cell of the processes that sent a heartbeat within the last minute.
SELECT kind, host, cell, key_peppers, webhook_peppers
FROM process_heartbeat
WHERE seen_at > now() - interval '1 minute' AND kind IN ('web', 'sender')

-- name: list_unlabelled_keys
-- Lists the valid keys whose secrets do not carry the label of the workspace.
SELECT key.id, key.label, key.hint
FROM api_key AS key
JOIN workspace ON workspace.workspace_id = key.workspace_id
WHERE key.workspace_id = %(workspace_id)s AND key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > now())
    AND NOT starts_with(key.hint, 'ml_' || workspace.route_label || '_')

-- name: largest_workspace_id
-- Returns the largest id of a workspace that this cell has given or holds.
SELECT greatest(
    coalesce((SELECT max(workspace_id) FROM workspace), 0),
    coalesce((
        SELECT last_value FROM pg_sequences WHERE schemaname = 'public' AND sequencename = 'workspace_workspace_id_seq'
    ), 0)
) AS workspace_id

-- name: start_workspace_ids
-- Sets the id of the next workspace.
SELECT setval('workspace_workspace_id_seq'::regclass, %(first)s::bigint, false) AS workspace_id
