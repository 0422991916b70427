-- The webhooks of a workspace: whom it wants told.

-- name: create_webhook
-- Makes a webhook, unless the workspace has its fill of them.
INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)
SELECT
    %(workspace_id)s, %(id)s, %(url)s, %(types)s::text[], %(description)s, %(enabled)s, %(salt)s, %(pepper)s
WHERE (SELECT count(*) FROM webhook WHERE workspace_id = %(workspace_id)s) < %(most)s
RETURNING id, url, types, description, enabled, disabled_reason, created_at, former_until

-- name: list_webhooks
-- All webhooks of the workspace, oldest first.
SELECT id, url, types, description, enabled, disabled_reason, created_at, former_until
FROM webhook
WHERE workspace_id = %(workspace_id)s
ORDER BY id

-- name: read_webhook
-- One webhook.
SELECT id, url, types, description, enabled, disabled_reason, created_at, former_until
FROM webhook
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: change_webhook
-- Changes what is given of a webhook; whoever enables or disables it has the say from then on.
UPDATE webhook
SET
    url = coalesce(%(url)s, url),
    types = coalesce(%(types)s::text[], types),
    description = coalesce(%(description)s, description),
    enabled = coalesce(%(enabled)s, enabled),
    disabled_reason = CASE WHEN %(enabled)s::boolean IS NULL THEN disabled_reason END
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
RETURNING id, url, types, description, enabled, disabled_reason, created_at, former_until

-- name: delete_webhook
-- Deletes a webhook with its notices.
DELETE FROM webhook
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
RETURNING id

-- name: rotate_secret
-- Gives a webhook a new secret; the one before it signs beside it for a while.
UPDATE webhook
SET
    salt = %(salt)s,
    pepper = %(pepper)s,
    former_salt = salt,
    former_pepper = pepper,
    former_until = clock_timestamp() + make_interval(secs => %(former_s)s)
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
RETURNING id, url, types, description, enabled, disabled_reason, created_at, former_until
