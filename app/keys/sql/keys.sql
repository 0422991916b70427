-- The keys that open workspaces. The digest of a secret is stored, never the secret.

-- name: ensure_workspace
-- Makes the workspace of this name, unless there is one.
INSERT INTO workspace (name) VALUES (%(workspace)s) ON CONFLICT (name) DO NOTHING

-- name: create_key
-- Stores a new key.
INSERT INTO api_key (workspace_id, id, digest, hint, label, permissions)
SELECT workspace_id, %(id)s, %(digest)s, %(hint)s, %(label)s, %(permissions)s::text[]
FROM workspace
WHERE name = %(workspace)s

-- name: ensure_key
-- Stores a key whose secret the operator chose, or brings the one with that secret up to date and to life again.
-- Gives no row when the secret opens another workspace.
INSERT INTO api_key AS key (workspace_id, id, digest, hint, label, permissions)
SELECT workspace_id, %(id)s, %(digest)s, %(hint)s, %(label)s, %(permissions)s::text[]
FROM workspace
WHERE name = %(workspace)s
ON CONFLICT (digest) DO UPDATE
SET permissions = excluded.permissions, revoked_at = NULL
WHERE key.workspace_id = excluded.workspace_id
RETURNING id

-- name: list_keys
-- The keys of one workspace or of all, revoked ones among them, oldest first.
SELECT k.id AS key_id, w.name AS workspace, k.label, k.hint, k.permissions, k.created_at, k.revoked_at
FROM api_key AS k
JOIN workspace AS w USING (workspace_id)
WHERE %(workspace)s::text IS NULL OR w.name = %(workspace)s
ORDER BY w.name, k.created_at, k.id

-- name: revoke_key
-- Closes a key for good; one that was closed before keeps its first date.
UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(key_id)s RETURNING id

-- name: authenticate
-- Whose secret has this digest. The one look-up that cannot know its workspace beforehand.
SELECT workspace_id, k.id AS key_id, k.permissions, w.rate_limits
FROM api_key AS k
JOIN workspace AS w USING (workspace_id)
WHERE k.digest = %(digest)s AND k.revoked_at IS NULL
