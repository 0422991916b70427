-- name: read_changes
-- Reads the changes of a merge or an undo on the survivor, or what those of a merge are computed from.
SELECT changes, rules, merged_at, orphan_before, survivor_before
FROM merge_record
WHERE workspace_id = %(workspace_id)s AND job_id = %(job_id)s
UNION ALL
SELECT changes::json, NULL, merged_at, NULL, NULL
FROM undo_record
WHERE workspace_id = %(workspace_id)s AND job_id = %(job_id)s
