-- Applied plans: the relay makes their batches in windows.

-- name: lock_unfinished_plan
-- Locks the run of an applied plan that has batches to make, unless another relay makes them.
SELECT
    run.id, run.undo_step AS step, run.api_key_id, run.request_id, plan.id AS plan_id, plan.priority,
    plan.chosen IS NULL AS whole
FROM run
JOIN plan ON plan.workspace_id = %(workspace_id)s AND plan.run_id = run.id
WHERE run.workspace_id = %(workspace_id)s AND run.state = 'running' AND run.kind = 'plan' AND run.undo_step IS NOT NULL
ORDER BY run.id
LIMIT 1 OFFSET %(nth)s
FOR UPDATE OF run SKIP LOCKED

-- name: next_updates
-- Lists the next updates of a plan, in order.
SELECT index, orphan_identifier, survivor_identifier, orphan_id, survivor_id, names
FROM plan_update
WHERE workspace_id = %(workspace_id)s AND plan_id = %(plan_id)s AND index >= %(first)s
ORDER BY index
LIMIT %(limit)s

-- name: next_chosen_updates
-- Lists the next chosen updates of a plan, in order.
SELECT index, orphan_identifier, survivor_identifier, orphan_id, survivor_id, names
FROM plan_update
WHERE workspace_id = %(workspace_id)s AND plan_id = %(plan_id)s AND index >= %(first)s
    AND index = ANY(
        ARRAY(
            SELECT chosen.index
            FROM plan
            CROSS JOIN LATERAL unnest(plan.chosen) AS chosen (index)
            WHERE plan.workspace_id = %(workspace_id)s AND plan.id = %(plan_id)s AND chosen.index >= %(first)s
            ORDER BY chosen.index
            LIMIT %(limit)s
        )
    )
ORDER BY index
LIMIT %(limit)s

-- name: insert_plan_jobs
-- Notes which update each job executes.
INSERT INTO plan_job (workspace_id, job_id, plan_id, index)
SELECT plan.workspace_id, given.job_id, plan.id, given.index
FROM plan
CROSS JOIN unnest(%(job_ids)s::uuid[], %(indexes)s::integer[]) AS given (job_id, index)
WHERE plan.workspace_id = %(workspace_id)s AND plan.id = %(plan_id)s

-- name: save_step
-- Saves where the next window of a plan begins.
UPDATE run
SET undo_step = %(step)s
WHERE workspace_id = %(workspace_id)s AND id = %(run_id)s

-- name: end_steps
-- Closes the run of a plan that has made all of its batches.
UPDATE run
SET undo_step = NULL, closed_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s AND id = %(run_id)s
