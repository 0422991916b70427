-- name: departed_braze_ids
-- Finds the merges and deletions of profiles that had these braze_ids. The deletion of a survivor deletes its redirects;
-- the job of the merge remains until it is pruned.
SELECT given.braze_id, deletion.id IS NULL AS merged, survivor.braze_id AS survivor
FROM unnest(%(braze_ids)s::text[]) AS given (braze_id)
LEFT JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = given.braze_id
LEFT JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
LEFT JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id
LEFT JOIN LATERAL (
    SELECT entry.id
    FROM audit_entry AS entry
    WHERE entry.workspace_id = %(workspace_id)s AND entry.braze_id = given.braze_id AND entry.action = 'delete'
    LIMIT 1
) AS deletion ON survivor.id IS NULL
LEFT JOIN LATERAL (
    SELECT job.id
    FROM workspace_job AS job
    WHERE job.workspace_id = %(workspace_id)s AND job.search_keys @> ARRAY[given.braze_id]
        AND job.orphan_braze_id = given.braze_id AND job.outcome = 'merged'
    LIMIT 1
) AS merge ON survivor.id IS NULL AND deletion.id IS NULL
WHERE survivor.id IS NOT NULL OR deletion.id IS NOT NULL OR merge.id IS NOT NULL

-- name: departed_external_ids
-- Finds the live profiles that contain the merged-away profiles that had these external_ids, as their primary or as a
-- deprecated one.
SELECT orphan.external_id, survivor.braze_id AS survivor
FROM (
    SELECT redirect.external_id, redirect.orphan_id AS id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.external_id = ANY(%(external_ids)s)

    UNION ALL

    SELECT deprecated_external_id.external_id, deprecated_external_id.profile_id
    FROM deprecated_external_id
    WHERE deprecated_external_id.workspace_id = %(workspace_id)s
        AND deprecated_external_id.external_id = ANY(%(external_ids)s)
) AS orphan
JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = orphan.id
JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id

-- name: departed_aliases
-- Finds the live profiles that contain the merged-away profiles that had these aliases. Jobs are found by their search
-- keys: an alias of the orphan that the request does not name begins with *held*.
SELECT given.label, given.name, departed.survivor
FROM unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
CROSS JOIN LATERAL (
    SELECT survivor.braze_id AS survivor
    FROM workspace_job AS job
    JOIN merge_record AS record ON record.workspace_id = %(workspace_id)s AND record.job_id = job.id
    JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = record.orphan_id
    JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id
    WHERE job.workspace_id = %(workspace_id)s AND job.outcome = 'merged'
        AND job.search_keys && ARRAY[given.name, %(held)s || given.name]
        AND (
            %(held)s || given.name = ANY(job.search_keys)
            OR job.orphan_identifier -> 'user_alias' ->> 'alias_name' = given.name
        )
        AND record.orphan_before -> 'user_aliases' ->> given.label = given.name
    LIMIT 1
) AS departed
