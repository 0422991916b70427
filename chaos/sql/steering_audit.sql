-- name: steered_jobs
-- Lists the jobs of a workspace with the names of their members.
SELECT
    job.batch_id, batch.run_id, run.kind AS run_kind, job.id, job.kind, job.state, job.outcome, job.undone_at, job.reason,
    job.attempts, job.started_at, run.cancelled_at AS run_cancelled_at,
    coalesce(job.orphan_identifier ->> 'external_id', job.orphan_identifier -> 'user_alias' ->> 'alias_name') AS orphan,
    coalesce(
        job.survivor_identifier ->> 'external_id', job.survivor_identifier -> 'user_alias' ->> 'alias_name'
    ) AS survivor
FROM job
JOIN workspace ON workspace.workspace_id = job.workspace_id AND workspace.name = %(workspace)s
JOIN batch ON batch.workspace_id = job.workspace_id AND batch.id = job.batch_id
LEFT JOIN run ON run.workspace_id = job.workspace_id AND run.id = batch.run_id
ORDER BY job.id

-- name: runs_without_end
-- Lists runs that are neither finished nor cancelled.
SELECT id FROM run WHERE state NOT IN ('finished', 'cancelled')

-- name: runs_miscounted
-- Lists runs whose counts are not the outcomes of their jobs.
SELECT run.id
FROM run
JOIN run_progress AS progress ON progress.workspace_id = run.workspace_id AND progress.run_id = run.id
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(tally.outcome, tally.jobs), '{}') AS counts
    FROM (
        SELECT coalesce(job.outcome, job.state) AS outcome, count(*) AS jobs
        FROM batch
        JOIN job ON job.workspace_id = batch.workspace_id AND job.batch_id = batch.id
        WHERE batch.workspace_id = run.workspace_id AND batch.run_id = run.id
        GROUP BY coalesce(job.outcome, job.state)
    ) AS tally
) AS found
WHERE found.counts <> progress.counts

-- name: updates_applied_twice
-- Lists plans with an update that became more than one job.
SELECT plan_id AS id FROM plan_job GROUP BY workspace_id, plan_id, index HAVING count(*) > 1

-- name: cancellations_left
-- Lists unfinished cancellations.
SELECT id FROM queue_cancellation

-- name: undone_without_undo
-- Lists merges that are marked as undone by a job that did not undo them.
SELECT job.id
FROM job
LEFT JOIN job AS undo ON undo.workspace_id = job.workspace_id AND undo.id = job.undone_by
WHERE job.undone_at IS NOT NULL
    AND (undo.undoes IS DISTINCT FROM job.id OR undo.outcome NOT IN ('undone', 'undone_in_part'))

-- name: cancelled_with_undo
-- Lists undos without effect whose merge is marked as undone by them.
SELECT undo.id
FROM job AS undo
JOIN job ON job.workspace_id = undo.workspace_id AND job.undone_by = undo.id
WHERE undo.outcome NOT IN ('undone', 'undone_in_part')
