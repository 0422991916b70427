-- Notices on their way: shown, taken in hand, and what became of each attempt.

-- name: workspaces_with_notices
-- Lists the workspaces that have a batch to look at or a notice due: a few index probes each.
SELECT workspace_id, watches, notices FROM workspaces_with_notices()

-- name: hold_due_webhooks
-- Locks enabled webhooks that have notices due, skipping those from which another sender takes notices at this moment,
-- and tells of each what signs for it.
SELECT id, url, salt, pepper, former_salt, former_pepper, former_until > now() AS former_holds
FROM webhook
WHERE workspace_id = %(workspace_id)s AND enabled AND EXISTS (
    SELECT 1
    FROM webhook_notice AS notice
    WHERE notice.workspace_id = %(workspace_id)s AND notice.webhook_id = webhook.id
        AND notice.state = 'waiting' AND notice.due_at <= now()
)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: take_notices
-- Takes the oldest due notices of locked webhooks in hand, of each no more than may be in hand at once, in turn among the
-- webhooks. Whoever does not say what became of them in time has lost them to the next.
WITH in_hand AS (
    SELECT webhook_id, count(*) AS notices
    FROM webhook_notice
    WHERE workspace_id = %(workspace_id)s AND webhook_id = ANY(%(webhook_ids)s)
        AND state = 'waiting' AND holder IS NOT NULL AND due_at > now()
    GROUP BY webhook_id
),

due AS (
    SELECT
        notice.id,
        row_number() OVER (PARTITION BY held.id ORDER BY notice.due_at, notice.id) + coalesce(in_hand.notices, 0) AS place
    FROM unnest(%(webhook_ids)s::uuid[]) AS held (id)
    LEFT JOIN in_hand ON in_hand.webhook_id = held.id
    CROSS JOIN LATERAL (
        SELECT id, due_at
        FROM webhook_notice
        WHERE workspace_id = %(workspace_id)s AND webhook_id = held.id AND state = 'waiting' AND due_at <= now()
        ORDER BY due_at
        LIMIT %(at_once)s
    ) AS notice
),

taken AS (
    SELECT id
    FROM due
    WHERE place <= %(at_once)s
    ORDER BY place, id
    LIMIT %(limit)s
)

UPDATE webhook_notice AS notice
SET holder = %(holder)s, due_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM taken
WHERE notice.workspace_id = %(workspace_id)s AND notice.id = taken.id
RETURNING notice.id, notice.webhook_id, notice.body, notice.attempts

-- name: end_attempt
-- Notes what became of an attempt, unless another sender has the notice in hand by now.
UPDATE webhook_notice
SET
    state = %(state)s,
    attempts = attempts + 1,
    holder = NULL,
    due_at = clock_timestamp() + make_interval(secs => %(pause_s)s),
    attempted_at = %(at)s,
    last_status = %(status)s,
    last_error = %(error)s,
    ended_at = CASE WHEN %(state)s <> 'waiting' THEN clock_timestamp() END
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND holder = %(holder)s

-- name: disable_webhook
-- Disables a webhook on its own wish, unless its URL has been changed since.
UPDATE webhook
SET enabled = false, disabled_reason = %(reason)s
WHERE workspace_id = %(workspace_id)s AND id = %(webhook_id)s AND url = %(url)s AND enabled

-- name: list_notices
-- A page of the notices of a webhook, newest first.
SELECT
    id, webhook_id, type, batch_id, state, attempts, created_at, attempted_at, last_status, last_error, ended_at,
    CASE WHEN state = 'waiting' THEN due_at END AS next_attempt_at
FROM webhook_notice
WHERE workspace_id = %(workspace_id)s AND webhook_id = %(webhook_id)s
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: hold_notice
-- Locks a notice and shows it.
SELECT
    id, webhook_id, type, batch_id, state, attempts, created_at, attempted_at, last_status, last_error, ended_at,
    CASE WHEN state = 'waiting' THEN due_at END AS next_attempt_at
FROM webhook_notice
WHERE workspace_id = %(workspace_id)s AND webhook_id = %(webhook_id)s AND id = %(id)s
FOR UPDATE

-- name: retry_notice
-- Lets a dead notice be sent again, with all its attempts before it; its last error stays until then.
UPDATE webhook_notice
SET state = 'waiting', attempts = 0, due_at = clock_timestamp(), ended_at = NULL
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'dead'

-- name: prune_notices
-- Forgets old notices that were sent or are dead, and those that wait for a webhook that is disabled.
DELETE FROM webhook_notice AS notice
WHERE notice.workspace_id = %(workspace_id)s
    AND notice.id IN (
        SELECT old.id
        FROM webhook_notice AS old
        JOIN webhook ON webhook.workspace_id = old.workspace_id AND webhook.id = old.webhook_id
        WHERE old.workspace_id = %(workspace_id)s
            AND old.id < %(before)s
            AND (old.state <> 'waiting' OR NOT webhook.enabled)
        ORDER BY old.id
        LIMIT %(limit)s
    )
