-- name: read_merge_snapshots
-- Reads the snapshots of both profiles before each merge, and its changes or the version of its rules, without merges
-- whose snapshots were erased.
SELECT record.job_id, record.merged_at, record.orphan_before, record.survivor_before, record.changes, record.rules
FROM merge_record AS record
WHERE record.workspace_id = %(workspace_id)s AND record.job_id = ANY(%(job_ids)s) AND record.orphan_before::text <> '{}'
