-- name: list_origins
-- Lists the origins of the profiles that were merged into a profile.
SELECT origin_id
FROM origin
WHERE workspace_id = %(workspace_id)s AND profile_id = %(profile_id)s

-- name: list_merges_undone_since
-- Lists the merges into a survivor before a time that were undone after it, in order of time.
SELECT undone_job_id
FROM undo_record
WHERE workspace_id = %(workspace_id)s AND survivor_id = %(survivor_id)s AND orphan_id <> survivor_id
    AND merged_at < %(at)s AND undone_at > %(at)s
ORDER BY merged_at

-- name: list_consenting_merges
-- Lists the other merges into a survivor after a time that are not undone and whose orphan had a state of consent, in
-- order of time.
SELECT redirect.job_id
FROM origin
JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = origin.origin_id
JOIN merge_record AS record ON record.workspace_id = %(workspace_id)s AND record.job_id = redirect.job_id
WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = %(survivor_id)s
    AND redirect.survivor_id = %(survivor_id)s AND redirect.merged_at > %(since)s AND redirect.job_id <> %(job_id)s
    AND EXISTS (
        SELECT FROM json_object_keys(record.orphan_before) AS present (field)
        WHERE present.field = ANY(%(fields)s)
    )
ORDER BY redirect.merged_at

-- name: find_last_merge_away
-- Finds the last merge in the chain of redirects from a profile: the one to undo first.
WITH RECURSIVE chain AS (
    SELECT survivor_id, job_id, 1 AS steps
    FROM redirect
    WHERE workspace_id = %(workspace_id)s AND orphan_id = %(profile_id)s
    UNION ALL
    SELECT redirect.survivor_id, redirect.job_id, chain.steps + 1
    FROM chain
    JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = chain.survivor_id
    WHERE chain.steps < 10000  -- redirects have no cycle; the bound ends the query if that is ever wrong
)

SELECT job_id
FROM chain
ORDER BY steps DESC
LIMIT 1
