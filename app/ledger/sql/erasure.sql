-- name: jobs_of_profiles
-- Finds the ended jobs of profiles. One index probe for each profile: an overlap with thousands of keys would be compared
-- with every job.
SELECT DISTINCT job.id
FROM unnest(%(braze_ids)s::text[]) AS profile (braze_id)
JOIN workspace_job AS job ON job.workspace_id = %(workspace_id)s AND job.search_keys @> ARRAY[profile.braze_id]
WHERE job.state IN ('finished', 'dead') AND profile.braze_id IN (job.orphan_braze_id, job.survivor_braze_id)

-- name: identifiers_before_merges
-- Lists the identifiers that the profiles of merges had before them.
SELECT
    before.image ->> 'external_id' AS external_id, before.image -> 'user_aliases' AS user_aliases,
    before.image ->> 'email' AS email, before.image ->> 'phone' AS phone
FROM merge_record
CROSS JOIN LATERAL (VALUES (merge_record.orphan_before), (merge_record.survivor_before)) AS before (image)
WHERE merge_record.workspace_id = %(workspace_id)s AND merge_record.job_id = ANY(%(ids)s)

-- name: jobs_without_a_profile
-- Finds the ended jobs with these search keys that found no profile for at least one of their identifiers.
SELECT job.id, job.orphan_identifier, job.survivor_identifier, job.orphan_braze_id, job.survivor_braze_id
FROM unnest(%(values)s::text[]) AS searched (value)
JOIN workspace_job AS job ON job.workspace_id = %(workspace_id)s AND job.search_keys @> ARRAY[searched.value]
WHERE job.state IN ('finished', 'dead') AND (job.orphan_braze_id IS NULL OR job.survivor_braze_id IS NULL)

-- name: unfinished_jobs
-- Finds the unfinished jobs with these search keys.
SELECT DISTINCT job.id, job.orphan_identifier, job.survivor_identifier
FROM unnest(%(values)s::text[]) AS searched (value)
JOIN workspace_job AS job ON job.workspace_id = %(workspace_id)s AND job.search_keys @> ARRAY[searched.value]
WHERE job.state IN ('queued', 'running')

-- name: read_sides
-- Reads whether jobs have ended, and the profiles that they found.
SELECT id, state IN ('finished', 'dead') AS ended, orphan_braze_id, survivor_braze_id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)

-- name: jobs_with_snapshots_of
-- Finds the ended jobs whose audits have snapshots of survivors from the time between a merge of these profiles and its
-- undo. When a survivor was itself merged in that time, the survivor of that merge counts too, and so on.
WITH RECURSIVE held AS (
    SELECT undo.survivor_id AS profile_id, merge.survivor_braze_id AS braze_id, undo.merged_at AS since,
        undo.undone_at AS until
    FROM undo_record AS undo
    JOIN job AS merge ON merge.workspace_id = undo.workspace_id AND merge.id = undo.undone_job_id
    WHERE undo.workspace_id = %(workspace_id)s AND undo.orphan_id = ANY(%(ids)s)
        AND undo.orphan_id <> undo.survivor_id
    UNION
    SELECT undo.survivor_id, merge.survivor_braze_id, greatest(undo.merged_at, held.since),
        least(undo.undone_at, held.until)
    FROM held
    JOIN undo_record AS undo ON undo.workspace_id = %(workspace_id)s AND undo.orphan_id = held.profile_id
        AND undo.merged_at BETWEEN held.since AND held.until AND undo.orphan_id <> undo.survivor_id
    JOIN job AS merge ON merge.workspace_id = undo.workspace_id AND merge.id = undo.undone_job_id
)

SELECT DISTINCT job.id
FROM held
JOIN workspace_job AS job ON job.workspace_id = %(workspace_id)s AND job.search_keys @> ARRAY[held.braze_id]
LEFT JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = job.id
LEFT JOIN undo_record AS undo ON undo.workspace_id = %(workspace_id)s AND undo.job_id = job.id
WHERE job.state IN ('finished', 'dead') AND coalesce(merge.merged_at, undo.undone_at) BETWEEN held.since AND held.until

-- name: lock_ended_jobs
-- Locks jobs in id order, so that concurrent deletions wait for each other instead of deadlocking.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state IN ('finished', 'dead')
ORDER BY id
FOR UPDATE

-- name: blank_jobs
-- Blanks the identifiers of ended jobs, which can still be found by braze_id.
UPDATE job
SET
    orphan_identifier = '{}',
    survivor_identifier = '{}',
    orphan_external_id = NULL,
    survivor_external_id = NULL,
    not_restored = CASE WHEN not_restored IS NOT NULL THEN '[]'::jsonb END,
    search_keys = array_remove(ARRAY[orphan_braze_id, survivor_braze_id], NULL),
    reason = coalesce(%(prose)s::jsonb ->> outcome, reason)
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state IN ('finished', 'dead')

-- name: delete_failures
-- Deletes the failed attempts of ended jobs.
DELETE FROM failed_attempt
WHERE workspace_id = %(workspace_id)s AND job_id = ANY(%(ids)s)

-- name: remove_held_keys
-- Removes the search keys of ended jobs that are from the snapshots of their orphans.
UPDATE job
SET search_keys = array(
    SELECT found.key FROM unnest(job.search_keys) AS found (key) WHERE NOT starts_with(found.key, %(held)s)
)
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state IN ('finished', 'dead')

-- name: erase_audit_records
-- Erases the snapshots of merges and undos.
SELECT erase_audit_records(%(workspace_id)s, %(ids)s::uuid[])

-- name: erase_audit_names
-- Erases external_ids from the audit of renames and removals.
SELECT erase_audit_names(%(workspace_id)s, %(braze_ids)s::text[])
