-- Watched batches, and the deliveries that they become.

-- name: claim_watches
-- Locks the watches that are due, except watches that another sender has locked.
-- No check is scheduled more than longest_s ahead, unless PostgreSQL's clock was set back since: such a watch is due too.
SELECT watch.batch_id, watch.kind
FROM (
    VALUES ('-infinity'::timestamptz, now()), (now() + make_interval(secs => %(longest_s)s + 1), 'infinity')
) AS due (after, until)
CROSS JOIN LATERAL (
    SELECT batch_id, kind
    FROM webhook_watch
    WHERE workspace_id = %(workspace_id)s AND check_at > due.after AND check_at <= due.until
    ORDER BY check_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) AS watch

-- name: postpone_checks
-- Schedules the next check of unfinished batches. The older a batch, the longer the pause.
UPDATE webhook_watch
SET check_at = later.check_at
FROM (
    SELECT
        batch_id,
        statement_timestamp() + least(
            make_interval(secs => %(longest_s)s),
            greatest(make_interval(secs => %(shortest_s)s), (statement_timestamp() - since) * %(share)s)
        ) AS check_at
    FROM webhook_watch
    WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s)
    OFFSET 0
) AS later
WHERE webhook_watch.workspace_id = %(workspace_id)s AND webhook_watch.batch_id = later.batch_id

-- name: end_watches
-- Deletes the watches of finished batches.
DELETE FROM webhook_watch
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s)
