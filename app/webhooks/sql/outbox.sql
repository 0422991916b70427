-- The outbox of the sender.

-- name: lock_webhooks_of_type
-- Lists the enabled webhooks with an event type, locked against deletion.
SELECT id
FROM webhook
WHERE workspace_id = %(workspace_id)s AND enabled AND %(type)s = ANY(types)
ORDER BY id
FOR KEY SHARE

-- name: insert_deliveries
-- Inserts deliveries, given as a JSON array, into the outbox of the sender.
INSERT INTO webhook_delivery (workspace_id, id, webhook_id, type, batch_id, body)
SELECT home.workspace_id, given.id, given.webhook_id, given.type, given.batch_id, given.body
FROM workspace_home AS home
CROSS JOIN jsonb_to_recordset(%(rows)s) AS given (id uuid, webhook_id uuid, type text, batch_id uuid, body text)
WHERE home.workspace_id = %(workspace_id)s
