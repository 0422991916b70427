-- name: read_images
-- Reads what the profiles of merges were before them; nothing of a merge whose audit was blanked.
SELECT record.job_id, record.merged_at, job.kind, record.orphan_before, record.survivor_before
FROM merge_record AS record
JOIN job ON job.workspace_id = record.workspace_id AND job.id = record.job_id
WHERE record.workspace_id = %(workspace_id)s AND record.job_id = ANY(%(job_ids)s) AND record.orphan_before::text <> '{}'

-- name: origins_of
-- Lists the history that reads under a profile: its own, and that of those it absorbed.
SELECT origin_id
FROM origin
WHERE workspace_id = %(workspace_id)s AND profile_id = %(profile_id)s

-- name: undone_since
-- Lists the merges into a survivor that were made before a time and undone after it, in order of time.
SELECT undone_job_id
FROM undo_record
WHERE workspace_id = %(workspace_id)s AND survivor_id = %(survivor_id)s AND orphan_id <> survivor_id
    AND merged_at < %(at)s AND undone_at > %(at)s
ORDER BY merged_at

-- name: merged_on_by
-- Finds the last of the merges by which a profile went away: the one to be undone first.
WITH RECURSIVE way AS (
    SELECT survivor_id, job_id, 1 AS steps
    FROM redirect
    WHERE workspace_id = %(workspace_id)s AND orphan_id = %(profile_id)s
    UNION ALL
    SELECT redirect.survivor_id, redirect.job_id, way.steps + 1
    FROM way
    JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = way.survivor_id
    WHERE way.steps < 10000  -- redirects never go in a circle; if they did, this would end all the same
)

SELECT job_id
FROM way
ORDER BY steps DESC
LIMIT 1
