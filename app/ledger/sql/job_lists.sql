-- Lists of jobs. Each query returns the ids of a page, newest first; app/ledger/list_pages.py also runs it with the order
-- turned round. Each reads at most *scan* rows of its index, so that a page costs the same for any number of jobs. The
-- conditions after an index are the same in all of them. What a batch has is read by a scalar subquery: one index lookup.

-- name: jobs_by_id
-- Lists jobs by their ids.
SELECT scanned.id
FROM (
    SELECT id, batch_id, kind, state, outcome, undone_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id > %(low)s AND id < %(high)s
    ORDER BY id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(state)s::text IS NULL OR scanned.state = %(state)s)
    AND (%(outcome)s::text IS NULL OR scanned.outcome = %(outcome)s)
    AND (%(kind)s::text IS NULL OR scanned.kind = %(kind)s)
    AND (%(undone)s::boolean IS NULL OR (scanned.undone_at IS NOT NULL) = %(undone)s)
    AND (%(source)s::text IS NULL OR %(source)s = (
        SELECT batch.source FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
    AND (%(key)s::uuid IS NULL OR %(key)s = (
        SELECT batch.api_key_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
    AND (%(run_id)s::uuid IS NULL OR %(run_id)s = (
        SELECT batch.run_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
ORDER BY scanned.id DESC
LIMIT %(limit)s

-- name: end_of_jobs_by_id
-- Returns the last id that a page has read, if it has read as many as it may.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id > %(low)s AND id < %(high)s
ORDER BY id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: jobs_without_outcome
-- Jobs of a state that has no outcomes: queued, running or dead. Only the index of states has this order, in which the
-- outcome is null: without it PostgreSQL would read and sort all jobs of the state.
SELECT scanned.id
FROM (
    SELECT id, batch_id, kind, outcome
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = %(state)s AND outcome IS NULL
        AND id > %(low)s AND id < %(high)s
    ORDER BY outcome DESC, id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(kind)s::text IS NULL OR scanned.kind = %(kind)s)
    AND %(outcome)s::text IS NULL
    AND %(undone)s::boolean IS NOT TRUE
    AND (%(source)s::text IS NULL OR %(source)s = (
        SELECT batch.source FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
    AND (%(key)s::uuid IS NULL OR %(key)s = (
        SELECT batch.api_key_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
    AND (%(run_id)s::uuid IS NULL OR %(run_id)s = (
        SELECT batch.run_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
ORDER BY scanned.outcome DESC, scanned.id DESC
LIMIT %(limit)s

-- name: end_of_jobs_without_outcome
-- Returns the last id that a page has read, if it has read as many as it may.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND state = %(state)s AND outcome IS NULL AND id > %(low)s AND id < %(high)s
ORDER BY outcome DESC, id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: jobs_with_outcome
-- Lists finished jobs with an outcome.
SELECT scanned.id
FROM (
    SELECT id, batch_id, kind, undone_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'finished' AND outcome = %(outcome)s
        AND id > %(low)s AND id < %(high)s
    ORDER BY id DESC
    LIMIT %(scan)s
) AS scanned
WHERE (%(kind)s::text IS NULL OR scanned.kind = %(kind)s)
    AND (%(state)s::text IS NULL OR %(state)s = 'finished')
    AND (%(undone)s::boolean IS NULL OR (scanned.undone_at IS NOT NULL) = %(undone)s)
    AND (%(source)s::text IS NULL OR %(source)s = (
        SELECT batch.source FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
    AND (%(key)s::uuid IS NULL OR %(key)s = (
        SELECT batch.api_key_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
    AND (%(run_id)s::uuid IS NULL OR %(run_id)s = (
        SELECT batch.run_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = scanned.batch_id
    ))
ORDER BY scanned.id DESC
LIMIT %(limit)s

-- name: end_of_jobs_with_outcome
-- Returns the last id that a page has read, if it has read as many as it may.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND state = 'finished' AND outcome = %(outcome)s
    AND id > %(low)s AND id < %(high)s
ORDER BY id DESC
OFFSET %(scan)s - 1
LIMIT 1

-- name: jobs_of_run
-- Jobs of a run: batch by batch, the newest first, and newest first within a batch.
SELECT job.id
FROM (
    SELECT id, run_id, source, api_key_id
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s
        AND id >= %(low_batch)s AND id <= %(high_batch)s
    ORDER BY run_id DESC, id DESC
    LIMIT %(scan_batches)s
) AS batch
CROSS JOIN LATERAL (
    SELECT id
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
        AND (%(state)s::text IS NULL OR state = %(state)s)
        AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
        AND (%(kind)s::text IS NULL OR kind = %(kind)s)
        AND (%(undone)s::boolean IS NULL OR (undone_at IS NOT NULL) = %(undone)s)
        AND id > %(since)s AND id < %(until)s
    OFFSET 0
) AS job
WHERE (batch.id, job.id) > (%(low_batch)s, %(low)s) AND (batch.id, job.id) < (%(high_batch)s, %(high)s)
    AND (%(source)s::text IS NULL OR batch.source = %(source)s)
    AND (%(key)s::uuid IS NULL OR batch.api_key_id = %(key)s)
ORDER BY batch.run_id DESC, batch.id DESC, job.id DESC
LIMIT %(limit)s

-- name: end_of_jobs_of_run
-- Returns the last batch that a page has read, if it has read as many as it may.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND run_id = %(run_id)s AND id >= %(low_batch)s AND id <= %(high_batch)s
ORDER BY run_id DESC, id DESC
OFFSET %(scan_batches)s - 1
LIMIT 1

-- name: jobs_of_key
-- Does the same for the requests of a key.
SELECT job.id
FROM (
    SELECT id, api_key_id, source
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND api_key_id = %(key)s
        AND id >= %(low_batch)s AND id <= %(high_batch)s
    ORDER BY api_key_id DESC, id DESC
    LIMIT %(scan_batches)s
) AS batch
CROSS JOIN LATERAL (
    SELECT id
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = batch.id
        AND (%(state)s::text IS NULL OR state = %(state)s)
        AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
        AND (%(kind)s::text IS NULL OR kind = %(kind)s)
        AND (%(undone)s::boolean IS NULL OR (undone_at IS NOT NULL) = %(undone)s)
        AND id > %(since)s AND id < %(until)s
    OFFSET 0
) AS job
WHERE (batch.id, job.id) > (%(low_batch)s, %(low)s) AND (batch.id, job.id) < (%(high_batch)s, %(high)s)
    AND (%(source)s::text IS NULL OR batch.source = %(source)s)
ORDER BY batch.api_key_id DESC, batch.id DESC, job.id DESC
LIMIT %(limit)s

-- name: end_of_jobs_of_key
-- Returns the last id that a page has read, if it has read as many as it may.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s AND api_key_id = %(key)s AND id >= %(low_batch)s AND id <= %(high_batch)s
ORDER BY api_key_id DESC, id DESC
OFFSET %(scan_batches)s - 1
LIMIT 1
