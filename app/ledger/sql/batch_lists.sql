-- Lists of batches. Each query returns a page, newest first; app/ledger/list_pages.py also runs it with the order turned
-- round. Each reads at most *scan* batches of its index; the conditions after it are the same in all of them.

-- name: batches_by_id
-- Batches of all sources.
SELECT scanned.id, scanned.created_at, scanned.source, scanned.run_id, scanned.request_id
FROM (
    SELECT id, created_at, source, run_id, request_id, api_key_id
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND id > %(low)s AND id < %(high)s
    ORDER BY id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(source)s::text IS NULL OR scanned.source = %(source)s)
    AND (%(key)s::uuid IS NULL OR scanned.api_key_id = %(key)s)
    AND (%(any_job)s OR (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = scanned.id
            AND (%(state)s::text IS NULL OR job.state = %(state)s)
            AND (%(outcome)s::text IS NULL OR job.outcome = %(outcome)s)
            AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
        LIMIT 1
    ) IS NOT NULL)
ORDER BY scanned.id DESC
LIMIT %(limit)s

-- name: end_of_batches_by_id
-- Returns the last batch that a page has read, if it has read as many as it may.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND id > %(low)s AND id < %(high)s
ORDER BY id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: batches_of_duplicates
-- Batches of runs over duplicates, which have an index of their own.
SELECT scanned.id, scanned.created_at, scanned.source, scanned.run_id, scanned.request_id
FROM (
    SELECT id, created_at, source, run_id, request_id, api_key_id
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND source = 'duplicates' AND id > %(low)s AND id < %(high)s
    ORDER BY id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(source)s::text IS NULL OR scanned.source = %(source)s)
    AND (%(key)s::uuid IS NULL OR scanned.api_key_id = %(key)s)
    AND (%(any_job)s OR (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = scanned.id
            AND (%(state)s::text IS NULL OR job.state = %(state)s)
            AND (%(outcome)s::text IS NULL OR job.outcome = %(outcome)s)
            AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
        LIMIT 1
    ) IS NOT NULL)
ORDER BY scanned.id DESC
LIMIT %(limit)s

-- name: end_of_batches_of_duplicates
-- Returns the last batch that a page has read, if it has read as many as it may.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND source = 'duplicates' AND id > %(low)s AND id < %(high)s
ORDER BY id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: batches_of_run
-- Batches of a run. Only the index of runs has this range and this order.
SELECT scanned.id, scanned.created_at, scanned.source, scanned.run_id, scanned.request_id
FROM (
    SELECT id, created_at, source, run_id, request_id, api_key_id
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND id > %(low)s AND id < %(high)s
    ORDER BY run_id DESC, id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(source)s::text IS NULL OR scanned.source = %(source)s)
    AND (%(key)s::uuid IS NULL OR scanned.api_key_id = %(key)s)
    AND (%(any_job)s OR (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = scanned.id
            AND (%(state)s::text IS NULL OR job.state = %(state)s)
            AND (%(outcome)s::text IS NULL OR job.outcome = %(outcome)s)
            AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
        LIMIT 1
    ) IS NOT NULL)
ORDER BY scanned.run_id DESC, scanned.id DESC
LIMIT %(limit)s

-- name: end_of_batches_of_run
-- Returns the last batch that a page has read, if it has read as many as it may.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND id > %(low)s AND id < %(high)s
ORDER BY run_id DESC, id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: batches_of_key
-- Batches of the requests of a key.
SELECT scanned.id, scanned.created_at, scanned.source, scanned.run_id, scanned.request_id
FROM (
    SELECT id, created_at, source, run_id, request_id, api_key_id
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND api_key_id = %(key)s AND id > %(low)s AND id < %(high)s
    ORDER BY api_key_id DESC, id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(source)s::text IS NULL OR scanned.source = %(source)s)
    AND (%(key)s::uuid IS NULL OR scanned.api_key_id = %(key)s)
    AND (%(any_job)s OR (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = scanned.id
            AND (%(state)s::text IS NULL OR job.state = %(state)s)
            AND (%(outcome)s::text IS NULL OR job.outcome = %(outcome)s)
            AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
        LIMIT 1
    ) IS NOT NULL)
ORDER BY scanned.api_key_id DESC, scanned.id DESC
LIMIT %(limit)s

-- name: end_of_batches_of_key
-- Returns the last batch that a page has read, if it has read as many as it may.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND api_key_id = %(key)s AND id > %(low)s AND id < %(high)s
ORDER BY api_key_id DESC, id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: batches_of_identifier
-- Batches among *batch_ids*, which have a job that matches. A page is never cut: it reads all of them.
SELECT id, created_at, source, run_id, request_id
FROM batch
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(batch_ids)s::uuid []) AND id > %(low)s AND id < %(high)s
    AND (%(source)s::text IS NULL OR source = %(source)s)
    AND (%(key)s::uuid IS NULL OR api_key_id = %(key)s)
    AND (%(run_id)s::uuid IS NULL OR run_id = %(run_id)s)
ORDER BY id DESC
LIMIT %(limit)s
