-- Reads the identity feed.

-- name: read_place
-- Reads the ends of the feed, and the entry at a number.
SELECT
    coalesce((SELECT feed.last_number FROM identity_feed AS feed WHERE feed.workspace_id = %(workspace_id)s), 0)
        AS last_number,
    (SELECT min(oldest.number) FROM identity_change AS oldest WHERE oldest.workspace_id = %(workspace_id)s)
        AS first_number,
    (
        SELECT change.entry_id
        FROM identity_change AS change
        WHERE change.workspace_id = %(workspace_id)s AND change.number = %(number)s
    ) AS entry_id

-- name: list_changes
-- Lists the changes after a number.
SELECT
    number, entry_id, kind, at, job_id, undoes, orphan_braze_id, orphan_external_id, survivor_braze_id,
    survivor_external_id, former_external_id
FROM identity_change
WHERE workspace_id = %(workspace_id)s AND number > %(number)s
ORDER BY number
LIMIT %(limit)s

-- name: read_end
-- Reads the last change.
SELECT number, entry_id
FROM identity_change
WHERE workspace_id = %(workspace_id)s
ORDER BY number DESC
LIMIT 1
