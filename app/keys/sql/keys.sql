-- API keys. The digest of a secret is stored, never the secret.

-- name: ensure_workspace
-- Creates a workspace, unless one has the name.
INSERT INTO workspace (name) VALUES (%(workspace)s) ON CONFLICT (name) DO NOTHING

-- name: lock_keys
-- Changes nothing. On Citus a write to a table on all nodes waits for other writes to it, and one to api_key locks api_key
-- first and workspace second. So a transaction that creates a workspace and its key begins with a write to api_key.
UPDATE api_key SET label = label WHERE id = '00000000-0000-0000-0000-000000000000'

-- name: ensure_home
-- Inserts the row of a workspace among the distributed tables. On plain PostgreSQL a trigger has done so.
INSERT INTO workspace_home (workspace_id) VALUES (%(workspace_id)s) ON CONFLICT (workspace_id) DO NOTHING

-- name: read_route_label
-- Returns the route label of a workspace.
SELECT route_label FROM workspace WHERE name = %(workspace)s

-- name: list_workspaces
-- Lists the workspaces, or the one with this name.
SELECT workspace_id, name
FROM workspace
WHERE %(name)s::text IS NULL OR name = %(name)s
ORDER BY workspace_id

-- name: create_key
-- Inserts a key.
INSERT INTO api_key (workspace_id, id, digest, pepper, hint, label, permissions, expires_at)
SELECT
    workspace_id, %(id)s, %(digest)s, %(pepper)s, %(hint)s, %(label)s, %(permissions)s::text[],
    now() + %(expires_after)s::interval
FROM workspace
WHERE name = %(workspace)s

-- name: ensure_key
-- Inserts a key with a chosen secret, or updates the key with that secret and reactivates it. Returns no row when the
-- secret belongs to another workspace.
INSERT INTO api_key AS key (workspace_id, id, digest, pepper, hint, label, permissions)
SELECT workspace_id, %(id)s, %(digest)s, %(pepper)s, %(hint)s, %(label)s, %(permissions)s::text[]
FROM workspace
WHERE name = %(workspace)s
ON CONFLICT (digest) DO UPDATE
SET permissions = excluded.permissions, revoked_at = NULL, expires_at = NULL
WHERE key.workspace_id = excluded.workspace_id
RETURNING id

-- name: list_keys
-- Lists the keys of one workspace or of all, oldest first, optionally by the start of their secrets. Only the hint of a
-- secret is stored, so a longer start lists every key that may match.
SELECT
    k.id AS key_id, w.name AS workspace, k.label, k.hint, k.permissions, k.pepper, k.created_at, k.expires_at,
    k.revoked_at, k.expires_at <= now() AS expired
FROM api_key AS k
JOIN workspace AS w USING (workspace_id)
WHERE (%(workspace)s::text IS NULL OR w.name = %(workspace)s)
    AND (
        %(prefix)s::text IS NULL
        OR starts_with(k.hint, %(prefix)s)
        OR starts_with(%(prefix)s, k.hint)
    )
ORDER BY w.name, k.created_at, k.id

-- name: revoke_key
-- Revokes a key and returns its workspace; the first date of a revocation stays.
UPDATE api_key
SET revoked_at = coalesce(revoked_at, moment.now)
FROM (SELECT statement_timestamp() AS now OFFSET 0) AS moment
WHERE id = %(key_id)s
RETURNING workspace_id

-- name: end_sign_ins
-- Deletes the sign-ins of a key.
DELETE FROM sign_in WHERE workspace_id = %(workspace_id)s AND api_key_id = %(key_id)s

-- name: authenticate
-- Returns the valid keys with one of these digests. The only lookup before the workspace is known.
SELECT workspace_id, key_id, digest, permissions, rate_limits FROM find_valid_keys(%(digests)s::bytea[])

-- name: renew_digest
-- Renews the digest of a secret with the newest pepper, when it has an older one, as the owner of the tables.
UPDATE api_key
SET digest = %(digest)s, pepper = %(pepper)s
WHERE digest = ANY(%(older)s::bytea[]) AND NOT EXISTS (SELECT 1 FROM api_key AS key WHERE key.digest = %(digest)s)

-- name: renew_own_digest
-- Does the same for a secret of the workspace of the transaction, as a process.
SELECT renew_key_digest(%(digest)s, %(pepper)s, %(older)s::bytea[])
