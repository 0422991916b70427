-- Reads the audit: first the ids of entries, by the cheapest query for the filters, then the entries.

-- name: newest_entries
-- Lists a page of entries, newest first: reads a page of each action back in time.
SELECT id
FROM (
    (
        SELECT job_id AS id
        FROM merge_record
        WHERE workspace_id = %(workspace_id)s AND job_id >= %(since)s AND job_id < %(until)s
            AND 'merge' = ANY(%(actions)s::text [])
        ORDER BY job_id DESC
        LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT job_id
        FROM identify_record
        WHERE workspace_id = %(workspace_id)s AND job_id >= %(since)s AND job_id < %(until)s
            AND 'identify' = ANY(%(actions)s::text [])
        ORDER BY job_id DESC
        LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT job_id
        FROM undo_record
        WHERE workspace_id = %(workspace_id)s AND job_id >= %(since)s AND job_id < %(until)s
            AND 'undo' = ANY(%(actions)s::text [])
        ORDER BY job_id DESC
        LIMIT %(limit)s
    )
    UNION ALL
    SELECT event.id
    FROM unnest(ARRAY[
        'delete', 'rename', 'remove', 'consent', 'exclude', 'allow', 'erasure', 'pause', 'resume', 'limit', 'cancel',
        'run', 'plan'
    ]) AS searched (action)
    CROSS JOIN LATERAL (
        SELECT id
        FROM audit_entry
        WHERE workspace_id = %(workspace_id)s AND action = searched.action AND id >= %(since)s AND id < %(until)s
        ORDER BY id DESC
        LIMIT %(limit)s
    ) AS event
    WHERE searched.action = ANY(%(actions)s::text [])
) AS found
ORDER BY id DESC
LIMIT %(limit)s

-- name: batches_of_key
-- Lists the batches of one key, newest first. Only the index of keys has this range and this order, so the planner uses
-- no other, whatever its statistics say.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s
    AND (api_key_id, id) >= (%(key)s, %(batches_since)s) AND (api_key_id, id) < (%(key)s, %(until)s)
ORDER BY api_key_id DESC, id DESC
LIMIT %(limit)s

-- name: entries_of_batches
-- Lists the entries of the jobs of batches.
SELECT batch_id AS requested, id
FROM job
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s::uuid [])
    AND outcome = ANY(%(outcomes)s::text []) AND id >= %(since)s AND (batch_id, id) < (%(requested)s, %(entry)s)

-- name: events_of_key
-- Lists the events of one key, newest first.
SELECT id AS requested, id
FROM audit_entry
WHERE workspace_id = %(workspace_id)s
    AND (api_key_id, id) >= (%(key)s, %(since)s) AND (api_key_id, id) < (%(key)s, %(until)s)
    AND (id, id) < (%(requested)s, %(entry)s) AND action = ANY(%(actions)s::text [])
ORDER BY api_key_id DESC, id DESC
LIMIT %(limit)s

-- name: events_about
-- Lists the newest actions on profiles that have an identifier, except for merges, identifications and undos. All of the
-- identifier are found before they are sorted: to read back in time until a page is full would read every entry when few match.
WITH found AS MATERIALIZED (
    SELECT id, action, api_key_id
    FROM audit_entry
    WHERE workspace_id = %(workspace_id)s AND braze_id = ANY(%(identifiers)s::text[])
    UNION
    SELECT id, action, api_key_id
    FROM audit_entry
    WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(identifiers)s::text[])
    UNION
    SELECT id, action, api_key_id
    FROM audit_entry
    WHERE workspace_id = %(workspace_id)s AND new_external_id = ANY(%(identifiers)s::text[])
)

SELECT id
FROM found
WHERE id >= %(since)s AND id < %(until)s AND action = ANY(%(actions)s::text [])
    AND (%(key)s::uuid IS NULL OR api_key_id = %(key)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: entries_of_job
-- Lists the entries of one job: its own, and that of the job that undid it.
SELECT entry.id
FROM job AS given
JOIN job AS entry ON entry.workspace_id = %(workspace_id)s AND entry.id IN (given.id, given.undone_by)
WHERE given.workspace_id = %(workspace_id)s AND given.id = %(job_id)s
    AND entry.outcome = ANY(%(outcomes)s::text []) AND entry.id >= %(since)s AND entry.id < %(until)s
    AND (
        %(key)s::uuid IS NULL OR %(key)s = (
            SELECT batch.api_key_id
            FROM batch
            WHERE batch.workspace_id = %(workspace_id)s AND batch.id = entry.batch_id
        )
    )
ORDER BY entry.id DESC
LIMIT %(limit)s

-- name: read_jobs
-- Reads the entries of jobs, with snapshots when they are requested.
SELECT
    job.id, job.batch_id, batch.id AS requested, batch.path, batch.api_key_id, key.label, job.outcome, job.undoes,
    job.undone_by, job.not_restored, job.orphan_braze_id, job.orphan_external_id, job.survivor_braze_id,
    job.survivor_external_id, coalesce(merge.merged_at, identify.identified_at, undo.undone_at, job.finished_at) AS at,
    job.orphan_identifier = '{}' OR coalesce(merge.orphan_before::text = '{}', false) AS erased,
    CASE WHEN %(snapshots)s THEN merge.orphan_before END AS orphan_before,
    CASE WHEN %(snapshots)s THEN merge.survivor_before END AS survivor_before,
    CASE WHEN %(snapshots)s THEN coalesce(merge.changes, undo.changes::json) END AS changes, merge.rules, merge.merged_at
FROM job
JOIN batch ON batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = batch.api_key_id
LEFT JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = job.id
LEFT JOIN identify_record AS identify ON identify.workspace_id = %(workspace_id)s AND identify.job_id = job.id
LEFT JOIN undo_record AS undo ON undo.workspace_id = %(workspace_id)s AND undo.job_id = job.id
WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(%(ids)s)

-- name: read_events
-- Reads the entries of actions that are no jobs.
SELECT
    event.id, event.action, event.at, event.path, event.request_id, event.api_key_id, key.label, event.braze_id,
    event.external_id, event.new_external_id, event.source_braze_id, event.changes
FROM audit_entry AS event
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = event.api_key_id
WHERE event.workspace_id = %(workspace_id)s AND event.id = ANY(%(ids)s)
