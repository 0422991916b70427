-- name: list_jobs_of_batch
-- Lists the jobs of a batch; one row without a job when it has none.
SELECT job.id
FROM batch
LEFT JOIN job ON job.workspace_id = batch.workspace_id AND job.batch_id = batch.id
WHERE batch.workspace_id = %(workspace_id)s AND batch.id = %(batch_id)s

-- name: read_kinds
-- Lists the kinds of jobs, and whether any job of a kind is unfinished or dead.
SELECT kind, bool_or(state IN ('queued', 'running')) AS unfinished, bool_or(state = 'dead') AS dead
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
GROUP BY kind

-- name: lock_merges
-- Locks the jobs that merged or identified a profile, so that each has one undo at a time.
SELECT id, undone_at, undone_by
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND outcome IN ('merged', 'identified')
ORDER BY id
FOR UPDATE

-- name: find_unfinished_undos
-- Lists the undos of jobs that have no outcome, dead ones included.
SELECT undoes, id, state
FROM job
WHERE workspace_id = %(workspace_id)s AND undoes = ANY(%(ids)s) AND undoes IS NOT NULL AND outcome IS NULL
ORDER BY undoes

-- name: list_latest_first
-- Lists merges in the order in which they can be undone, the latest first, with their profiles.
SELECT job.id, job.orphan_id, job.survivor_id
FROM job
LEFT JOIN merge_record AS merge ON merge.workspace_id = job.workspace_id AND merge.job_id = job.id
LEFT JOIN identify_record AS identify ON identify.workspace_id = job.workspace_id AND identify.job_id = job.id
WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(%(ids)s)
ORDER BY coalesce(merge.merged_at, identify.identified_at, job.finished_at) DESC, job.id DESC

-- name: insert_undos
-- Inserts the jobs of a batch of undos. The rows are one JSON array. Each undo has the identifiers of its merge. Without an
-- urgency of its own, the batch has that of its run.
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, undoes, orphan_identifier, survivor_identifier, search_keys,
    priority, due_at
)
SELECT
    merge.workspace_id, given.id, %(batch_id)s, given.index, 'undo', given.lane, merge.id,
    merge.orphan_identifier, merge.survivor_identifier, merge.search_keys, urgency.priority,
    now() - interval '100 years' + (urgency.priority - 3) * interval '1826 days'
FROM jsonb_to_recordset(%(jobs)s) AS given (id uuid, index smallint, lane smallint, undoes uuid)
JOIN job AS merge ON merge.workspace_id = %(workspace_id)s AND merge.id = given.undoes
CROSS JOIN LATERAL (
    SELECT coalesce(%(priority)s, (
        SELECT run.priority FROM run WHERE run.workspace_id = %(workspace_id)s AND run.id = %(run_id)s::uuid
    ), %(default_priority)s)::smallint AS priority
    OFFSET 0
) AS urgency

-- name: lock_undone_job
-- Locks the job that an undo reverses, so that its audit cannot be erased meanwhile.
SELECT merge.id
FROM job AS undo
JOIN job AS merge ON merge.workspace_id = undo.workspace_id AND merge.id = undo.undoes
WHERE undo.workspace_id = %(workspace_id)s AND undo.id = %(job_id)s
FOR UPDATE OF merge

-- name: read_undone_job
-- Reads the job that an undo reverses, with its audit. A pruned job has its id only.
SELECT
    undo.undoes AS id, merge.id IS NULL AS pruned, merge.kind, merge.outcome,
    merge.orphan_id, merge.orphan_braze_id, merge.orphan_external_id,
    merge.survivor_id, merge.survivor_braze_id, merge.survivor_external_id,
    record.origins, record.deprecated_external_ids, record.orphan_before::text = '{}' AS blanked,
    coalesce(record.merged_at, identify.identified_at, merge.finished_at) AS at,
    coalesce(record.merged_at, identify.identified_at, merge.finished_at)
        < clock_timestamp() - make_interval(secs => %(seconds)s) AS too_old,
    identify.updated_before
FROM job AS undo
LEFT JOIN job AS merge ON merge.workspace_id = undo.workspace_id AND merge.id = undo.undoes
LEFT JOIN merge_record AS record ON record.workspace_id = merge.workspace_id AND record.job_id = merge.id
LEFT JOIN identify_record AS identify ON identify.workspace_id = merge.workspace_id AND identify.job_id = merge.id
WHERE undo.workspace_id = %(workspace_id)s AND undo.id = %(job_id)s

-- name: record_undo
-- Marks a job as undone, stores in its undo the identifiers that were not restored, and inserts the audit.
WITH undone AS (
    UPDATE job
    SET undone_at = %(at)s, undone_by = %(undo_id)s
    WHERE workspace_id = %(workspace_id)s AND id = %(job_id)s
),

reported AS (
    UPDATE job
    SET not_restored = %(not_restored)s
    WHERE workspace_id = %(workspace_id)s AND id = %(undo_id)s
)

INSERT INTO undo_record (
    workspace_id, job_id, undone_job_id, merged_at, undone_at, orphan_id, survivor_id, changes
)
VALUES (
    %(workspace_id)s, %(undo_id)s, %(job_id)s, %(merged_at)s, %(at)s, %(orphan_id)s, %(survivor_id)s, %(changes)s
)

-- name: exclude_undone
-- Excludes the two profiles of an undone merge from duplicate runs. An identification has one profile.
INSERT INTO duplicate_exclusion (
    workspace_id, id, low_origin_id, high_origin_id, low_braze_id, high_braze_id, created_at, undo_job_id
)
SELECT
    workspace_id, %(exclusion_id)s, least(orphan_id, survivor_id), greatest(orphan_id, survivor_id),
    CASE WHEN orphan_id < survivor_id THEN orphan_braze_id ELSE survivor_braze_id END,
    CASE WHEN orphan_id < survivor_id THEN survivor_braze_id ELSE orphan_braze_id END,
    %(at)s, %(undo_id)s
FROM job
WHERE workspace_id = %(workspace_id)s AND id = %(job_id)s AND outcome = 'merged'
ON CONFLICT (workspace_id, low_origin_id, high_origin_id) DO NOTHING
