-- Lists of runs. Each query returns the ids of a page, newest first; app/ledger/list_pages.py also runs it with the order
-- turned round. Each reads at most *scan* runs of its index; the conditions after it are the same in all of them.

-- name: runs_by_id
-- Runs in all states.
SELECT scanned.id
FROM (
    SELECT id, kind, state, api_key_id
    FROM run
    WHERE workspace_id = %(workspace_id)s AND id > %(low)s AND id < %(high)s
    ORDER BY id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(kinds)s::text [] IS NULL OR scanned.kind = ANY(%(kinds)s))
    AND (%(state)s::text IS NULL OR scanned.state = %(state)s)
    AND (%(key)s::uuid IS NULL OR scanned.api_key_id = %(key)s)
    AND (%(outcome)s::text IS NULL OR (
        SELECT coalesce((progress.counts ->> %(outcome)s)::integer, 0) > 0
        FROM run_progress AS progress
        WHERE progress.workspace_id = %(workspace_id)s AND progress.run_id = scanned.id
    ))
ORDER BY scanned.id DESC
LIMIT %(limit)s

-- name: end_of_runs_by_id
-- Returns the last run that a page has read, if it has read as many as it may.
SELECT id
FROM run
WHERE workspace_id = %(workspace_id)s AND id > %(low)s AND id < %(high)s
ORDER BY id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: runs_in_state
-- Runs in one state. Only the index of states has this range and this order.
SELECT scanned.id
FROM (
    SELECT id, kind, state, api_key_id
    FROM run
    WHERE workspace_id = %(workspace_id)s AND state = %(state)s AND id > %(low)s AND id < %(high)s
    ORDER BY state DESC, id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(kinds)s::text [] IS NULL OR scanned.kind = ANY(%(kinds)s))
    AND (%(key)s::uuid IS NULL OR scanned.api_key_id = %(key)s)
    AND (%(outcome)s::text IS NULL OR (
        SELECT coalesce((progress.counts ->> %(outcome)s)::integer, 0) > 0
        FROM run_progress AS progress
        WHERE progress.workspace_id = %(workspace_id)s AND progress.run_id = scanned.id
    ))
ORDER BY scanned.state DESC, scanned.id DESC
LIMIT %(limit)s

-- name: end_of_runs_in_state
-- Returns the last run that a page has read, if it has read as many as it may.
SELECT id
FROM run
WHERE workspace_id = %(workspace_id)s AND state = %(state)s AND id > %(low)s AND id < %(high)s
ORDER BY state DESC, id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: runs_of_identifier
-- Runs of *batch_ids*, which have a job that matches. A page is never cut: it reads all of them.
SELECT run.id
FROM (
    SELECT DISTINCT run_id
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(batch_ids)s::uuid [])
        AND run_id > %(low)s AND run_id < %(high)s
) AS named
CROSS JOIN LATERAL (
    SELECT id, kind, state, api_key_id
    FROM run
    WHERE workspace_id = %(workspace_id)s AND id = named.run_id
    OFFSET 0
) AS run
WHERE (%(kinds)s::text [] IS NULL OR run.kind = ANY(%(kinds)s))
    AND (%(state)s::text IS NULL OR run.state = %(state)s)
    AND (%(key)s::uuid IS NULL OR run.api_key_id = %(key)s)
ORDER BY run.id DESC
LIMIT %(limit)s
