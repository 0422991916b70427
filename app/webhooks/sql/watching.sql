-- Batches that are watched until they finish, and the notices that tell of it.

-- name: claim_watches
-- Locks batches that are due to be looked at, skipping those that another sender holds.
SELECT batch_id, kind
FROM webhook_watch
WHERE workspace_id = %(workspace_id)s AND look_at <= now()
ORDER BY look_at
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: look_again
-- Lets batches that are not finished be looked at later: the longer they take, the more seldom.
UPDATE webhook_watch
SET look_at = clock_timestamp() + least(
    make_interval(secs => %(longest_s)s),
    greatest(make_interval(secs => %(shortest_s)s), (clock_timestamp() - since) * %(share)s)
)
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s)

-- name: end_watches
-- Forgets watches whose batches have finished.
DELETE FROM webhook_watch
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s)

-- name: hold_webhooks
-- The enabled webhooks that want to be told of a type of event, none of which can be deleted meanwhile.
SELECT id
FROM webhook
WHERE workspace_id = %(workspace_id)s AND enabled AND %(type)s = ANY(types)
ORDER BY id
FOR KEY SHARE

-- name: insert_notices
-- Makes notices, given as a JSON array, durable: the outbox that the sender empties.
INSERT INTO webhook_notice (workspace_id, id, webhook_id, type, batch_id, body)
SELECT %(workspace_id)s, given.id, given.webhook_id, given.type, given.batch_id, given.body
FROM jsonb_to_recordset(%(notices)s) AS given (id uuid, webhook_id uuid, type text, batch_id uuid, body text)
