-- The audit as it is read. Entries are found first, by the way that costs least for what is asked, and read then.

-- name: newest_entries
-- A page of entries, newest first: those of each action are walked back in time, and as many of each as the page holds.
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
    SELECT noted.id
    FROM unnest(ARRAY['delete', 'rename', 'remove']) AS asked (action)
    CROSS JOIN LATERAL (
        SELECT id
        FROM audit_entry
        WHERE workspace_id = %(workspace_id)s AND action = asked.action AND id >= %(since)s AND id < %(until)s
        ORDER BY id DESC
        LIMIT %(limit)s
    ) AS noted
    WHERE asked.action = ANY(%(actions)s::text [])
) AS found
ORDER BY id DESC
LIMIT %(limit)s

-- name: batches_of_key
-- Batches that one key asked for, newest first. No index but that of keys has this range and this order, so that no
-- other is walked, whatever PostgreSQL believes of the key.
SELECT id
FROM batch
WHERE workspace_id = %(workspace_id)s
    AND (api_key_id, id) >= (%(key)s, %(batches_since)s) AND (api_key_id, id) < (%(key)s, %(until)s)
ORDER BY api_key_id DESC, id DESC
LIMIT %(limit)s

-- name: entries_of_batches
-- What the jobs of batches did.
SELECT batch_id AS asked, id
FROM job
WHERE workspace_id = %(workspace_id)s AND batch_id = ANY(%(batch_ids)s::uuid [])
    AND outcome = ANY(%(outcomes)s::text []) AND id >= %(since)s AND (batch_id, id) < (%(asked)s, %(entry)s)

-- name: noted_of_key
-- What one key asked for that was no job, newest first.
SELECT id AS asked, id
FROM audit_entry
WHERE workspace_id = %(workspace_id)s
    AND (api_key_id, id) >= (%(key)s, %(since)s) AND (api_key_id, id) < (%(key)s, %(until)s)
    AND (id, id) < (%(asked)s, %(entry)s) AND action = ANY(%(actions)s::text [])
ORDER BY api_key_id DESC, id DESC
LIMIT %(limit)s

-- name: entries_about
-- A page of the entries about profiles that an identifier names, newest first. They are found before they are sorted:
-- walking back in time until a page is full would pass every entry when few or none match.
WITH found AS MATERIALIZED (
    SELECT id, outcome, NULL AS action
    FROM own_job
    WHERE workspace_id = %(workspace_id)s
        AND search_keys && ARRAY[%(identifier)s, %(email_key)s, %(phone_key)s]::text []
        -- Nothing but an email address or a phone number compares in another form than the one in which it was sent.
        AND (
            %(identifier)s = ANY(search_keys)
            OR (%(email_key)s = ANY(search_keys) AND (orphan_identifier ? 'email' OR survivor_identifier ? 'email'))
            OR (%(phone_key)s = ANY(search_keys) AND (orphan_identifier ? 'phone' OR survivor_identifier ? 'phone'))
        )
    UNION
    SELECT id, NULL, action
    FROM audit_entry
    WHERE workspace_id = %(workspace_id)s AND braze_id = %(identifier)s
    UNION
    SELECT id, NULL, action
    FROM audit_entry
    WHERE workspace_id = %(workspace_id)s AND external_id = %(identifier)s
    UNION
    SELECT id, NULL, action
    FROM audit_entry
    WHERE workspace_id = %(workspace_id)s AND new_external_id = %(identifier)s
)

SELECT id
FROM found
WHERE id >= %(since)s AND id < %(until)s
    AND (outcome = ANY(%(outcomes)s::text []) OR action = ANY(%(actions)s::text []))
    AND (
        %(key)s::uuid IS NULL
        OR %(key)s = (
            SELECT (
                SELECT batch.api_key_id
                FROM batch
                WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
            )
            FROM job
            WHERE job.workspace_id = %(workspace_id)s AND job.id = found.id
        )
        OR %(key)s = (
            SELECT noted.api_key_id
            FROM audit_entry AS noted
            WHERE noted.workspace_id = %(workspace_id)s AND noted.id = found.id
        )
    )
ORDER BY id DESC
LIMIT %(limit)s

-- name: entries_of_job
-- The entries of one job: its own, and that of the job by which it was undone.
SELECT told.id
FROM job AS asked
JOIN job AS told ON told.workspace_id = %(workspace_id)s AND told.id IN (asked.id, asked.undone_by)
WHERE asked.workspace_id = %(workspace_id)s AND asked.id = %(job_id)s
    AND told.outcome = ANY(%(outcomes)s::text []) AND told.id >= %(since)s AND told.id < %(until)s
    AND (
        %(key)s::uuid IS NULL OR %(key)s = (
            SELECT batch.api_key_id
            FROM batch
            WHERE batch.workspace_id = %(workspace_id)s AND batch.id = told.batch_id
        )
    )
ORDER BY told.id DESC
LIMIT %(limit)s

-- name: read_jobs
-- What the audit knows of jobs; images are read where they are wanted.
SELECT
    job.id, job.batch_id, batch.id AS asked, batch.path, batch.api_key_id, key.label, job.outcome, job.undoes,
    job.undone_by, job.not_restored, job.orphan_braze_id, job.orphan_external_id, job.survivor_braze_id,
    job.survivor_external_id, coalesce(merge.merged_at, identify.identified_at, undo.undone_at, job.finished_at) AS at,
    job.orphan_identifier = '{}' OR coalesce(merge.orphan_before::text = '{}', false) AS erased,
    CASE WHEN %(images)s THEN merge.orphan_before END AS orphan_before,
    CASE WHEN %(images)s THEN merge.survivor_before END AS survivor_before,
    CASE WHEN %(images)s THEN coalesce(merge.changes, undo.changes::json) END AS changes
FROM job
JOIN batch ON batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = batch.api_key_id
LEFT JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = job.id
LEFT JOIN identify_record AS identify ON identify.workspace_id = %(workspace_id)s AND identify.job_id = job.id
LEFT JOIN undo_record AS undo ON undo.workspace_id = %(workspace_id)s AND undo.job_id = job.id
WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(%(ids)s)

-- name: read_noted
-- What the audit knows of actions that are no jobs.
SELECT
    noted.id, noted.action, noted.at, noted.path, noted.request_id, noted.api_key_id, key.label, noted.braze_id,
    noted.external_id, noted.new_external_id
FROM audit_entry AS noted
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = noted.api_key_id
WHERE noted.workspace_id = %(workspace_id)s AND noted.id = ANY(%(ids)s)
