-- The relay counts the batches of runs.

-- name: workspaces_with_runs
-- Lists the workspaces with a batch to count, or with a run that is running.
SELECT workspace_id FROM workspaces_with_runs()

-- name: find_batches
-- Returns the ids of batches to count, in four lists: new ones, begun ones, waiting ones, and waiting ones with a job that
-- runs now or has ended since the last step. The second and the third list begin after the last batch of the step before,
-- so that no batch is left out. The relay begins batches mostly in the order of their acceptance; the fourth list
-- contains them in any order.
WITH waiting AS (
    SELECT TRUE AS found
    FROM batch
    WHERE workspace_id = %(workspace_id)s AND run_id IS NOT NULL AND run_state IS DISTINCT FROM 'settled'
        AND run_state = 'queued'
    LIMIT 1
),

touched AS (
    (
        SELECT batch_id
        FROM job
        WHERE workspace_id = %(workspace_id)s AND state = 'running' AND (SELECT waiting.found FROM waiting)
        LIMIT %(most_jobs)s
    )
    UNION
    (
        SELECT batch_id
        FROM job
        WHERE workspace_id = %(workspace_id)s AND finished_at >= %(since)s AND (SELECT waiting.found FROM waiting)
        ORDER BY finished_at
        LIMIT %(most_jobs)s
    )
)

SELECT
    array(
        SELECT id
        FROM batch
        WHERE workspace_id = %(workspace_id)s AND run_id IS NOT NULL AND run_state IS DISTINCT FROM 'settled'
            AND run_state IS NULL
        ORDER BY id
        LIMIT %(limit)s
    ) AS new,
    array(
        SELECT id
        FROM batch
        WHERE workspace_id = %(workspace_id)s AND run_id IS NOT NULL AND run_state IS DISTINCT FROM 'settled'
            AND run_state = 'running' AND id > %(begun_after)s
        ORDER BY id
        LIMIT %(limit)s
    ) AS begun,
    array(
        SELECT id
        FROM batch
        WHERE workspace_id = %(workspace_id)s AND run_id IS NOT NULL AND run_state IS DISTINCT FROM 'settled'
            AND run_state = 'queued' AND id > %(queued_after)s
        ORDER BY id
        LIMIT %(queued_limit)s
    ) AS queued,
    array(
        SELECT batch.id
        FROM touched
        CROSS JOIN LATERAL (
            SELECT id
            FROM batch
            WHERE workspace_id = %(workspace_id)s AND id = touched.batch_id AND run_id IS NOT NULL
                AND run_state = 'queued'
            LIMIT 1
        ) AS batch
    ) AS touched

-- name: lock_batches
-- Locks batches that no other relay counts, so that a retry of their jobs waits, and returns their last counts.
SELECT id, run_id, run_state, run_counts
FROM batch
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(batch_ids)s)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: count_jobs
-- Counts the jobs of each batch by kind, state and outcome.
SELECT
    batch_id, kind, state, outcome, count(*) AS jobs, min(finished_at) AS first_ended_at,
    max(finished_at) AS last_ended_at
FROM job
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s)
GROUP BY batch_id, kind, state, outcome

-- name: save_batches
-- Notes the counts of batches, given as a JSON array.
UPDATE batch
SET run_state = given.state, run_counts = given.counts
FROM jsonb_to_recordset(%(rows)s) AS given (id uuid, state text, counts jsonb)
WHERE batch.workspace_id = %(workspace_id)s AND batch.id = given.id

-- name: add_missing_runs
-- Adds runs over duplicates that a process of a version before revision 0036 started.
INSERT INTO run (workspace_id, id, kind, state, created_at, api_key_id)
SELECT workspace_id, id, 'duplicates', 'running', created_at, api_key_id
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(run_ids)s)
ON CONFLICT (workspace_id, id) DO NOTHING

-- name: add_missing_progress
-- Adds the progress of these runs.
INSERT INTO run_progress (workspace_id, run_id)
SELECT workspace_id, id
FROM run
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(run_ids)s)
ON CONFLICT (workspace_id, run_id) DO NOTHING

-- name: lock_progress
-- Locks and reads the progress of runs.
SELECT run_id, batches, settled_batches, counts, kinds, first_ended_at, last_ended_at, samples
FROM run_progress
WHERE workspace_id = %(workspace_id)s AND run_id = ANY(%(run_ids)s)
ORDER BY run_id
FOR UPDATE

-- name: save_progress
-- Saves the progress of runs, given as a JSON array.
UPDATE run_progress
SET
    batches = given.batches,
    settled_batches = given.settled_batches,
    counts = given.counts,
    kinds = given.kinds,
    first_ended_at = given.first_ended_at,
    last_ended_at = given.last_ended_at,
    samples = given.samples
FROM jsonb_to_recordset(%(rows)s) AS given (
    run_id uuid, batches integer, settled_batches integer, counts jsonb, kinds text[], first_ended_at timestamptz,
    last_ended_at timestamptz, samples jsonb
)
WHERE run_progress.workspace_id = %(workspace_id)s AND run_progress.run_id = given.run_id

-- name: close_duplicate_runs
-- Closes the runs over duplicates whose scan has ended.
UPDATE run
SET
    closed_at = scan.finished_at,
    state = CASE WHEN scan.state = 'finished' THEN 'running' ELSE scan.state END,
    finished_at = CASE WHEN scan.state <> 'finished' THEN scan.finished_at END
FROM duplicate_run AS scan
WHERE run.workspace_id = %(workspace_id)s AND run.state = 'running' AND run.kind = 'duplicates'
    AND run.closed_at IS NULL
    AND scan.workspace_id = %(workspace_id)s AND scan.id = run.id AND scan.state <> 'running'

-- name: finish_runs
-- Finishes the closed runs whose batches are all settled, also the cancelled ones, and returns their ids.
UPDATE run
SET
    state = CASE WHEN run.cancelled_at IS NULL THEN 'finished' ELSE 'cancelled' END,
    finished_at = greatest(progress.last_ended_at, run.closed_at)
FROM run_progress AS progress
WHERE run.workspace_id = %(workspace_id)s AND run.state = 'running'
    AND run.closed_at IS NOT NULL AND run.undo_step IS NULL
    AND progress.workspace_id = %(workspace_id)s AND progress.run_id = run.id
    AND progress.batches = progress.settled_batches
    AND (
        SELECT batch.id
        FROM batch
        WHERE batch.workspace_id = %(workspace_id)s AND batch.run_id IS NOT NULL AND batch.run_id = run.id
            AND batch.run_state IS NULL AND batch.run_state IS DISTINCT FROM 'settled'
        LIMIT 1
    ) IS NULL
RETURNING run.id

-- name: reopen_runs
-- Lets finished runs run again after a retry of a dead job.
UPDATE run
SET state = 'running', finished_at = NULL
FROM run_progress AS progress
WHERE run.workspace_id = %(workspace_id)s AND run.id = ANY(%(run_ids)s)
    AND (run.state = 'finished' OR (run.state = 'cancelled' AND run.cancelled_at IS NOT NULL))
    AND progress.workspace_id = %(workspace_id)s AND progress.run_id = run.id
    AND progress.settled_batches < progress.batches
