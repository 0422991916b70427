-- name: read_merge_snapshots
-- Reads the snapshots of both profiles before each merge and its changes, without merges whose snapshots were erased.
SELECT record.job_id, record.merged_at, job.kind, record.orphan_before, record.survivor_before, record.changes
FROM merge_record AS record
JOIN job ON job.workspace_id = record.workspace_id AND job.id = record.job_id
WHERE record.workspace_id = %(workspace_id)s AND record.job_id = ANY(%(job_ids)s) AND record.orphan_before::text <> '{}'
