-- The keys of one workspace with their last use.

-- name: list_workspace_keys
-- Lists a page of the keys of a workspace, newest first; expired and revoked ones too.
SELECT
    id, label, hint, permissions, created_at, expires_at, revoked_at, last_used_at,
    CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'open' END AS state
FROM api_key
WHERE workspace_id = %(workspace_id)s AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: save_use
-- Records that a key is used now, unless a process did so within the interval or has the row locked.
UPDATE api_key
SET last_used_at = now()
WHERE workspace_id = %(workspace_id)s AND id = (
        SELECT used.id
        FROM api_key AS used
        WHERE used.workspace_id = %(workspace_id)s AND used.id = %(key_id)s
            AND (used.last_used_at IS NULL OR used.last_used_at < now() - make_interval(secs => %(interval_s)s))
        FOR NO KEY UPDATE SKIP LOCKED
    )
