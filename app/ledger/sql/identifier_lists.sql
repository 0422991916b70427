-- Lists by an identifier: see app/ledger/identifier_lists.py. Each query lists the newest first, and
-- app/ledger/list_pages.py also runs it with the order turned round.

-- fragment: has_identifier
-- Only email addresses and phone numbers are compared in a normalized form.
job.search_keys && %(search_keys)s::text []
    AND (
        job.search_keys && %(exact_keys)s::text []
        OR (job.search_keys && %(email_keys)s::text [] AND (job.orphan_identifier ? 'email' OR job.survivor_identifier ? 'email'))
        OR (job.search_keys && %(phone_keys)s::text [] AND (job.orphan_identifier ? 'phone' OR job.survivor_identifier ? 'phone'))
    )

-- fragment: found
-- The index of search keys is read in a CTE of its own: beside a range of ids PostgreSQL would also read the ids of all jobs
-- of the workspace, and beside a limit another index.
matching AS MATERIALIZED (
    SELECT job.id, job.batch_id, job.kind, job.state, job.outcome, job.undone_at
    FROM workspace_job AS job
    WHERE job.workspace_id = %(workspace_id)s
        AND /* include has_identifier */
),

found AS MATERIALIZED (
    SELECT id, batch_id, kind, state, outcome, undone_at
    FROM matching
    LIMIT %(most)s::bigint + 1
)

-- fragment: has_values
(%(state)s::text IS NULL OR job.state = %(state)s)
    AND (%(outcomes)s::text [] IS NULL OR job.outcome = ANY(%(outcomes)s))
    AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
    AND (%(undone)s::boolean IS NULL OR (job.undone_at IS NOT NULL) = %(undone)s)

-- fragment: is_of_batch
(%(source)s::text IS NULL OR %(source)s = (
    SELECT batch.source FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
))
    AND (%(key)s::uuid IS NULL OR %(key)s = (
        SELECT batch.api_key_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
    ))
    AND (%(run_id)s::uuid IS NULL OR %(run_id)s = (
        SELECT batch.run_id FROM batch WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
    ))

-- name: few_jobs_of_identifier
-- Lists a page of the jobs of an identifier, and counts those of all pages. It reads *most* jobs and one more, in no order.
-- *known* is the number that it has read.
WITH /* include found */,

fitting AS MATERIALIZED (
    SELECT job.id
    FROM found AS job
    WHERE job.id > %(since)s AND job.id < %(until)s
        AND /* include has_values */
        AND /* include is_of_batch */
)

SELECT
    (SELECT count(*) FROM found) AS known,
    (SELECT count(*) FROM fitting) AS items,
    ARRAY(
        SELECT id
        FROM fitting
        WHERE id > %(low)s AND id < %(high)s
        ORDER BY id DESC
        LIMIT %(limit)s
    ) AS ids

-- name: jobs_of_identifier
-- Lists a page of the jobs of an identifier. It reads all of them, and the batches of *scan*, or of all. *end_id* is the last of
-- *scan*: after it the next page begins if this one is not full.
WITH /* include found */,

scanned AS MATERIALIZED (
    SELECT job.id, job.batch_id
    FROM found AS job
    WHERE job.id > %(low)s AND job.id < %(high)s
        AND /* include has_values */
    ORDER BY job.id DESC
    LIMIT %(scan)s::bigint
)

SELECT
    ARRAY(
        SELECT job.id
        FROM scanned AS job
        WHERE /* include is_of_batch */
        ORDER BY job.id DESC
        LIMIT %(limit)s
    ) AS ids,
    (
        SELECT id
        FROM scanned
        WHERE %(scan)s::bigint IS NOT NULL
        ORDER BY id DESC
        OFFSET %(scan)s::bigint - 1
        LIMIT 1
    ) AS end_id

-- name: recent_jobs_of_identifier
-- Lists the jobs of an identifier among the newest *scan* jobs of the workspace.
SELECT job.id
FROM (
    SELECT
        id, batch_id, kind, state, outcome, undone_at, search_keys, orphan_identifier, survivor_identifier
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id > %(low)s AND id < %(high)s
    ORDER BY id DESC
    LIMIT %(scan)s
) AS job
WHERE /* include has_identifier */
    AND /* include has_values */
    AND /* include is_of_batch */
ORDER BY job.id DESC
LIMIT %(limit)s

-- name: batch_ids_of_identifier
-- Lists the batches with a job that has the identifier, the state, the outcome and the kind. It reads *most* of the
-- identifier's jobs and one more, or all of them without *most*. *known* is the number that it has read. If there are more
-- than *most*, it lists none: without the others they are of no use.
WITH /* include found */

SELECT
    (SELECT count(*) FROM found) AS known,
    ARRAY(
        SELECT DISTINCT job.batch_id
        FROM found AS job
        WHERE (%(most)s::bigint IS NULL OR (SELECT count(*) FROM found) <= %(most)s)
            AND /* include has_values */
    ) AS batch_ids

-- name: recent_batches_of_identifier
-- Lists the batches with such a job among the newest *scan* batches of the workspace.
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
    AND (%(run_id)s::uuid IS NULL OR scanned.run_id = %(run_id)s)
    AND (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = scanned.id
            AND (%(state)s::text IS NULL OR job.state = %(state)s)
            AND (%(outcome)s::text IS NULL OR job.outcome = %(outcome)s)
            AND (%(kind)s::text IS NULL OR job.kind = %(kind)s)
            AND /* include has_identifier */
        LIMIT 1
    ) IS NOT NULL
ORDER BY scanned.id DESC
LIMIT %(limit)s

-- name: recent_runs_of_identifier
-- Lists the runs with such a job among the *scan* batches of the newest runs. Only the index of runs has their order.
SELECT run.id
FROM (
    SELECT DISTINCT scanned.run_id
    FROM (
        SELECT id, run_id
        FROM batch
        WHERE workspace_id = %(workspace_id)s AND run_id > %(low)s AND run_id < %(high)s
        ORDER BY run_id DESC, id DESC
        LIMIT %(scan)s
    ) AS scanned
    WHERE (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = scanned.id
            AND (%(outcome)s::text IS NULL OR job.outcome = %(outcome)s)
            AND /* include has_identifier */
        LIMIT 1
    ) IS NOT NULL
    ORDER BY scanned.run_id DESC
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
ORDER BY named.run_id DESC
LIMIT %(limit)s
