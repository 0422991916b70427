-- name: add_erasure
-- Adds an erasure that is not complete.
INSERT INTO erasure (workspace_id, id, braze_id, api_key_id, request_id, path, state, origin_ids, jobs, counts)
VALUES (
    %(workspace_id)s, %(id)s, %(braze_id)s, %(api_key_id)s, %(request_id)s, %(path)s, %(state)s,
    %(origin_ids)s::bigint [], %(jobs)s, %(counts)s
)

-- name: workspaces_with_erasures
-- Lists the workspaces with erasures that are not complete.
SELECT workspace_id FROM workspaces_with_erasures()

-- name: claim_erasures
-- Locks erasures in a state, the oldest first, unless another relay has locked them.
SELECT id, braze_id, requested_at, api_key_id, request_id, path, origin_ids, cursor, jobs, counts
FROM erasure
WHERE workspace_id = %(workspace_id)s AND state = %(state)s
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: save_erasure
-- Stores the progress of an erasure.
UPDATE erasure
SET state = %(state)s, cursor = %(cursor)s, jobs = %(jobs)s, counts = %(counts)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: list_emptied_erasures
-- Lists the erasures that wait for new statistics only.
SELECT id
FROM erasure
WHERE workspace_id = %(workspace_id)s AND state = 'statistics'
ORDER BY id
LIMIT %(limit)s

-- name: end_erasures
-- Deletes erasures that are complete, and returns them.
DELETE FROM erasure
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s::uuid [])
RETURNING braze_id, api_key_id, request_id, path, counts, requested_at

-- name: renew_statistics_on_nodes
-- Does the same for each shard of a table; returns how many nodes or shards failed.
SELECT count(*) FILTER (WHERE NOT answer.success) AS failed
FROM run_command_on_shards(%(table)s::regclass, 'SELECT renew_statistics(%%L::regclass)') AS answer

-- name: renew_statistics
-- Replaces the statistics of a table and its indexes.
SELECT renew_statistics(%(table)s::regclass)

-- name: count_history
-- Counts the history under these origins, of each kind up to a limit.
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT FROM custom_event
            WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
            LIMIT %(limit)s
        ) AS found
    ) + (
        SELECT count(*)
        FROM (
            SELECT FROM purchase
            WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
            LIMIT %(limit)s
        ) AS found
    ) + (
        SELECT count(*)
        FROM (
            SELECT FROM session
            WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
            LIMIT %(limit)s
        ) AS found
    ) + (
        SELECT count(*)
        FROM (
            SELECT FROM engagement
            WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
            LIMIT %(limit)s
        ) AS found
    ) AS rows

-- name: delete_all_events
-- Deletes the events of erased profiles, and counts them.
WITH gone AS (
    DELETE FROM custom_event
    WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: last_of_next_events
-- Reads the key of the last one of the next events of an erased profile; no row if there are fewer.
SELECT ARRAY[name::text, occurred_at::text, id::text] AS last
FROM custom_event
WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
    AND (name, occurred_at, id)
    > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
ORDER BY name, occurred_at, id
OFFSET %(skipped)s
LIMIT 1

-- name: delete_next_events
-- Deletes the events of an erased profile after a key, up to another one, and counts them.
WITH gone AS (
    DELETE FROM custom_event
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (name, occurred_at, id)
        > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
        AND (name, occurred_at, id)
        <= ((%(last)s::text [])[1], (%(last)s::text [])[2]::timestamptz, (%(last)s::text [])[3]::bigint)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: delete_rest_of_events
-- Deletes the events of an erased profile after a key, and counts them.
WITH gone AS (
    DELETE FROM custom_event
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (name, occurred_at, id)
        > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: delete_all_purchases
-- Deletes the purchases of erased profiles, and counts them.
WITH gone AS (
    DELETE FROM purchase
    WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: last_of_next_purchases
-- Reads the key of the last one of the next purchases of an erased profile; no row if there are fewer.
SELECT ARRAY[product_id::text, occurred_at::text, id::text] AS last
FROM purchase
WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
    AND (product_id, occurred_at, id)
    > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
ORDER BY product_id, occurred_at, id
OFFSET %(skipped)s
LIMIT 1

-- name: delete_next_purchases
-- Deletes the purchases of an erased profile after a key, up to another one, and counts them.
WITH gone AS (
    DELETE FROM purchase
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (product_id, occurred_at, id)
        > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
        AND (product_id, occurred_at, id)
        <= ((%(last)s::text [])[1], (%(last)s::text [])[2]::timestamptz, (%(last)s::text [])[3]::bigint)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: delete_rest_of_purchases
-- Deletes the purchases of an erased profile after a key, and counts them.
WITH gone AS (
    DELETE FROM purchase
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (product_id, occurred_at, id)
        > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: delete_all_sessions
-- Deletes the sessions of erased profiles, and counts them.
WITH gone AS (
    DELETE FROM session
    WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: last_of_next_sessions
-- Reads the key of the last one of the next sessions of an erased profile; no row if there are fewer.
SELECT ARRAY[app_id::text, started_at::text, id::text] AS last
FROM session
WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
    AND (app_id, started_at, id)
    > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
ORDER BY app_id, started_at, id
OFFSET %(skipped)s
LIMIT 1

-- name: delete_next_sessions
-- Deletes the sessions of an erased profile after a key, up to another one, and counts them.
WITH gone AS (
    DELETE FROM session
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (app_id, started_at, id)
        > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
        AND (app_id, started_at, id)
        <= ((%(last)s::text [])[1], (%(last)s::text [])[2]::timestamptz, (%(last)s::text [])[3]::bigint)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: delete_rest_of_sessions
-- Deletes the sessions of an erased profile after a key, and counts them.
WITH gone AS (
    DELETE FROM session
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (app_id, started_at, id)
        > ((%(after)s::text [])[1], (%(after)s::text [])[2]::timestamptz, (%(after)s::text [])[3]::bigint)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: delete_all_engagements
-- Deletes the engagements of erased profiles, and counts them.
WITH gone AS (
    DELETE FROM engagement
    WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: last_of_next_engagements
-- Reads the key of the last one of the next engagements of an erased profile; no row if there are fewer.
SELECT ARRAY[kind::text, message_id::text, occurred_at::text, id::text] AS last
FROM engagement
WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
    AND (kind, message_id, occurred_at, id)
    > (
        (%(after)s::text [])[1], (%(after)s::text [])[2], (%(after)s::text [])[3]::timestamptz,
        (%(after)s::text [])[4]::bigint
    )
ORDER BY kind, message_id, occurred_at, id
OFFSET %(skipped)s
LIMIT 1

-- name: delete_next_engagements
-- Deletes the engagements of an erased profile after a key, up to another one, and counts them.
WITH gone AS (
    DELETE FROM engagement
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (kind, message_id, occurred_at, id)
        > (
            (%(after)s::text [])[1], (%(after)s::text [])[2], (%(after)s::text [])[3]::timestamptz,
            (%(after)s::text [])[4]::bigint
        )
        AND (kind, message_id, occurred_at, id)
        <= (
            (%(last)s::text [])[1], (%(last)s::text [])[2], (%(last)s::text [])[3]::timestamptz,
            (%(last)s::text [])[4]::bigint
        )
    RETURNING 1
)

SELECT count(*) AS rows FROM gone

-- name: delete_rest_of_engagements
-- Deletes the engagements of an erased profile after a key, and counts them.
WITH gone AS (
    DELETE FROM engagement
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(origin_id)s
        AND (kind, message_id, occurred_at, id)
        > (
            (%(after)s::text [])[1], (%(after)s::text [])[2], (%(after)s::text [])[3]::timestamptz,
            (%(after)s::text [])[4]::bigint
        )
    RETURNING 1
)

SELECT count(*) AS rows FROM gone
