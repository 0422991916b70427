-- Webhook deliveries: leases, attempts, lists and retries.

-- name: workspaces_with_due_deliveries
-- Lists the workspaces with a watched batch or a delivery due: a few index probes each.
SELECT workspace_id, watches, deliveries FROM workspaces_with_due_deliveries()

-- name: seconds_until_due_work
-- Returns the seconds until the next check of a watched batch and until the next attempt, of any workspace.
SELECT
    extract(EPOCH FROM watch_at - clock_timestamp())::double precision AS watch_s,
    extract(EPOCH FROM delivery_at - clock_timestamp())::double precision AS delivery_s
FROM next_webhook_work_at()

-- name: lock_due_webhooks
-- Locks the enabled webhooks with due deliveries, except webhooks that another sender has locked, and returns their
-- secrets' seeds.
SELECT id, url, salt, pepper, former_salt, former_pepper, former_until > now() AS former_is_valid
FROM webhook
WHERE workspace_id = %(workspace_id)s AND enabled AND EXISTS (
    SELECT 1
    FROM webhook_delivery AS delivery
    WHERE delivery.workspace_id = %(workspace_id)s AND delivery.webhook_id = webhook.id
        AND delivery.state = 'waiting' AND delivery.due_at <= now()
)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: lease_deliveries
-- Leases the oldest due deliveries of locked webhooks, in turn among the webhooks, with at most
-- at_once leases of one webhook. When the lease ends without a result, the next sender may lease the delivery. A delivery
-- that is due at once has a time in the last century; it takes its place by the time when it was created.
WITH leased AS (
    SELECT webhook_id, count(*) AS deliveries
    FROM webhook_delivery
    WHERE workspace_id = %(workspace_id)s AND webhook_id = ANY(%(webhook_ids)s)
        AND state = 'waiting' AND lease_id IS NOT NULL AND due_at > now()
    GROUP BY webhook_id
),

due AS (
    SELECT
        delivery.id,
        row_number() OVER (PARTITION BY locked.id ORDER BY delivery.due_at, delivery.id)
        + coalesce(leased.deliveries, 0) AS place
    FROM unnest(%(webhook_ids)s::uuid[]) AS locked (id)
    LEFT JOIN leased ON leased.webhook_id = locked.id
    CROSS JOIN (
        VALUES
            ('-infinity'::timestamptz, now() - interval '50 years', interval '100 years'),
            (now() - interval '50 years', now(), interval '0')
    ) AS bounds (after, until, past)
    CROSS JOIN LATERAL (
        SELECT id, due_at + bounds.past AS due_at
        FROM webhook_delivery
        WHERE workspace_id = %(workspace_id)s AND webhook_id = locked.id AND state = 'waiting'
            AND webhook_delivery.due_at > bounds.after AND webhook_delivery.due_at <= bounds.until
        ORDER BY webhook_delivery.due_at
        LIMIT %(at_once)s
    ) AS delivery
),

chosen AS (
    SELECT id, statement_timestamp() AS now
    FROM due
    WHERE place <= %(at_once)s
    ORDER BY place, id
    LIMIT %(limit)s
)

UPDATE webhook_delivery AS delivery
SET lease_id = %(lease_id)s, due_at = statement_timestamp() + make_interval(secs => %(lease_s)s)
FROM chosen
WHERE delivery.workspace_id = %(workspace_id)s AND delivery.id = chosen.id
RETURNING delivery.id, delivery.webhook_id, delivery.body, delivery.attempts, chosen.now AS leased_at

-- name: record_attempt
-- Records the result of an attempt, unless the lease was lost.
UPDATE webhook_delivery
SET
    state = %(state)s,
    attempts = attempts + 1,
    lease_id = NULL,
    due_at = statement_timestamp() + make_interval(secs => %(pause_s)s),
    attempted_at = %(at)s,
    last_status = %(status)s,
    last_error = %(error)s,
    ended_at = CASE WHEN %(state)s <> 'waiting' THEN moment.now END
FROM (SELECT statement_timestamp() AS now OFFSET 0) AS moment
WHERE webhook_delivery.workspace_id = %(workspace_id)s AND webhook_delivery.id = %(id)s AND lease_id = %(lease_id)s

-- name: disable_webhook
-- Disables a webhook that answered 410 Gone, unless its URL has changed since.
UPDATE webhook
SET enabled = false, disabled_reason = %(reason)s
WHERE workspace_id = %(workspace_id)s AND id = %(webhook_id)s AND url = %(url)s AND enabled

-- name: list_deliveries
-- Lists a page of the deliveries of a webhook, newest first.
SELECT
    id, webhook_id, type, batch_id, state, attempts, created_at, attempted_at, last_status, last_error, ended_at,
    CASE WHEN state = 'waiting' THEN greatest(due_at, created_at) END AS next_attempt_at
FROM webhook_delivery
WHERE workspace_id = %(workspace_id)s AND webhook_id = %(webhook_id)s
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: count_deliveries
-- Counts the newest deliveries of webhooks by state, up to a bound of deliveries of each that it reads.
SELECT newest.webhook_id, newest.state, count(*) AS deliveries
FROM unnest(%(webhook_ids)s::uuid []) AS counted (id)
CROSS JOIN LATERAL (
    SELECT webhook_id, state
    FROM webhook_delivery
    WHERE workspace_id = %(workspace_id)s AND webhook_id = counted.id
    ORDER BY id DESC
    LIMIT %(bound)s
) AS newest
GROUP BY newest.webhook_id, newest.state

-- name: lock_delivery
-- Locks and reads a delivery.
SELECT
    id, webhook_id, type, batch_id, state, attempts, created_at, attempted_at, last_status, last_error, ended_at,
    CASE WHEN state = 'waiting' THEN greatest(due_at, created_at) END AS next_attempt_at
FROM webhook_delivery
WHERE workspace_id = %(workspace_id)s AND webhook_id = %(webhook_id)s AND id = %(id)s
FOR UPDATE

-- name: retry_delivery
-- Queues a dead delivery again with a fresh count of attempts; its last error stays until the next attempt.
UPDATE webhook_delivery
SET state = 'waiting', attempts = 0, due_at = statement_timestamp() - interval '100 years', ended_at = NULL
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'dead'

-- name: prune_deliveries
-- Deletes old deliveries that are sent, dead, or waiting for a disabled webhook.
DELETE FROM webhook_delivery AS delivery
WHERE delivery.workspace_id = %(workspace_id)s
    AND delivery.id = ANY(ARRAY(
        SELECT old.id
        FROM webhook_delivery AS old
        JOIN webhook ON webhook.workspace_id = old.workspace_id AND webhook.id = old.webhook_id
        WHERE old.workspace_id = %(workspace_id)s
            AND old.created_at < now() - %(age)s::interval
            AND (old.state <> 'waiting' OR NOT webhook.enabled)
        ORDER BY old.created_at
        LIMIT %(limit)s
    ))
