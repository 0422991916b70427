-- name: plant_batch
-- Writes a batch that cannot be posted, unless it exists.
INSERT INTO batch (workspace_id, id, path)
SELECT workspace_id, %(batch_id)s, '/users/merge'
FROM workspace
WHERE name = %(workspace)s
ON CONFLICT DO NOTHING

-- name: plant_jobs
-- Writes its jobs, all in one lane, unless they exist.
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys
)
SELECT workspace.workspace_id, given.id, %(batch_id)s, given.index, 'merge', 0, given.orphan, given.survivor, '{}'
FROM workspace
CROSS JOIN jsonb_to_recordset(%(jobs)s) AS given (id uuid, index smallint, orphan jsonb, survivor jsonb)
WHERE workspace.name = %(workspace)s
ON CONFLICT DO NOTHING
