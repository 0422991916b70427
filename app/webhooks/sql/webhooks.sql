-- The webhooks of a workspace.

-- name: create_webhook
-- Creates a webhook, unless the workspace has the maximum.
INSERT INTO webhook AS added (workspace_id, id, url, types, description, enabled, salt, pepper)
SELECT
    home.workspace_id, %(id)s, %(url)s, %(types)s::text[], %(description)s, %(enabled)s, %(salt)s, %(pepper)s
FROM workspace_home AS home
WHERE home.workspace_id = %(workspace_id)s
    AND (SELECT count(*) FROM webhook WHERE workspace_id = %(workspace_id)s) < %(most)s
RETURNING id, url, types, description, enabled, disabled_reason, created_at, former_until

-- name: list_webhooks
-- Lists all webhooks of the workspace, oldest first.
SELECT id, url, types, description, enabled, disabled_reason, created_at, former_until
FROM webhook
WHERE workspace_id = %(workspace_id)s
ORDER BY id

-- name: list_failing_webhooks
-- Lists the webhooks that Mergelane disabled, and those with a failed delivery among their last ones, with its error.
SELECT webhook.id, webhook.url, webhook.disabled_reason, failed.last_error, failed.attempted_at
FROM webhook
LEFT JOIN LATERAL (
    SELECT latest.last_error, latest.attempted_at
    FROM (
        SELECT delivery.id, delivery.state, delivery.last_error, delivery.attempted_at
        FROM webhook_delivery AS delivery
        WHERE delivery.workspace_id = %(workspace_id)s AND delivery.webhook_id = webhook.id
        ORDER BY delivery.id DESC
        LIMIT %(deliveries)s
    ) AS latest
    WHERE latest.state <> 'sent' AND latest.last_error IS NOT NULL
    ORDER BY latest.id DESC
    LIMIT 1
) AS failed ON TRUE
WHERE webhook.workspace_id = %(workspace_id)s
    AND (webhook.disabled_reason IS NOT NULL OR (webhook.enabled AND failed.last_error IS NOT NULL))
ORDER BY webhook.id

-- name: read_webhook
-- Reads one webhook.
SELECT id, url, types, description, enabled, disabled_reason, created_at, former_until
FROM webhook
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: change_webhook
-- Changes the given columns. Enabling or disabling a webhook clears the reason why Mergelane disabled it.
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
-- Deletes a webhook with its deliveries.
DELETE FROM webhook
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
RETURNING id

-- name: rotate_secret
-- Sets a new secret; the former one signs beside it for some time.
UPDATE webhook
SET
    salt = %(salt)s,
    pepper = %(pepper)s,
    former_salt = salt,
    former_pepper = pepper,
    former_until = statement_timestamp() + make_interval(secs => %(former_s)s)
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
RETURNING id, url, types, description, enabled, disabled_reason, created_at, former_until
