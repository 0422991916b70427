-- Jobs of applied plans.

-- name: load_planned_jobs
-- Reads what the plans of jobs saw, and when the earlier merges of these plans wrote the profiles. A subquery for each
-- side, with the index as a value: a join read all jobs of a plan for each of them.
SELECT
    job.job_id, job.plan_id, planned.index, planned.outcome, planned.orphan_id, planned.orphan_braze_id,
    planned.survivor_id, planned.survivor_braze_id, planned.seen,
    CASE WHEN planned.seen #>> '{orphan,after}' IS NOT NULL THEN (
        SELECT merge.merged_at
        FROM plan_job AS earlier
        JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = earlier.job_id
        WHERE earlier.workspace_id = %(workspace_id)s AND earlier.plan_id = job.plan_id
            AND earlier.index = (planned.seen #>> '{orphan,after}')::integer
        LIMIT 1
    ) END AS orphan_after_at,
    CASE WHEN planned.seen #>> '{survivor,after}' IS NOT NULL THEN (
        SELECT merge.merged_at
        FROM plan_job AS earlier
        JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = earlier.job_id
        WHERE earlier.workspace_id = %(workspace_id)s AND earlier.plan_id = job.plan_id
            AND earlier.index = (planned.seen #>> '{survivor,after}')::integer
        LIMIT 1
    ) END AS survivor_after_at
FROM plan_job AS job
JOIN plan_update AS planned
    ON planned.workspace_id = %(workspace_id)s AND planned.plan_id = job.plan_id AND planned.index = job.index
WHERE job.workspace_id = %(workspace_id)s AND job.job_id = ANY(%(ids)s)
