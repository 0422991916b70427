-- Jobs of applied plans.

-- name: load_planned_jobs
-- Reads what the plans of jobs saw, and when the earlier merges of these plans wrote the profiles.
SELECT
    job.job_id, job.plan_id, planned.index, planned.outcome, planned.orphan_id, planned.orphan_braze_id,
    planned.survivor_id, planned.survivor_braze_id, planned.seen, orphan_merge.merged_at AS orphan_after_at,
    survivor_merge.merged_at AS survivor_after_at
FROM plan_job AS job
JOIN plan_update AS planned
    ON planned.workspace_id = %(workspace_id)s AND planned.plan_id = job.plan_id AND planned.index = job.index
LEFT JOIN plan_job AS orphan_job
    ON orphan_job.workspace_id = %(workspace_id)s AND orphan_job.plan_id = job.plan_id
    AND orphan_job.index = (planned.seen #>> '{orphan,after}')::integer
LEFT JOIN merge_record AS orphan_merge
    ON orphan_merge.workspace_id = %(workspace_id)s AND orphan_merge.job_id = orphan_job.job_id
LEFT JOIN plan_job AS survivor_job
    ON survivor_job.workspace_id = %(workspace_id)s AND survivor_job.plan_id = job.plan_id
    AND survivor_job.index = (planned.seen #>> '{survivor,after}')::integer
LEFT JOIN merge_record AS survivor_merge
    ON survivor_merge.workspace_id = %(workspace_id)s AND survivor_merge.job_id = survivor_job.job_id
WHERE job.workspace_id = %(workspace_id)s AND job.job_id = ANY(%(ids)s)
