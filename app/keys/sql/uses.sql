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
SELECT save_key_use(%(workspace_id)s, %(key_id)s, %(interval_s)s::double precision)
