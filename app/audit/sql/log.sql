-- Entries of the audit for actions that are no jobs.

-- name: add_entries
-- Adds entries of one action, given as a JSON array.
INSERT INTO audit_entry (
    workspace_id, id, action, at, api_key_id, request_id, path, braze_id, external_id, new_external_id,
    source_braze_id, changes
)
SELECT
    home.workspace_id, given.id, %(action)s, statement_timestamp(), %(api_key_id)s, %(request_id)s, %(path)s,
    given.braze_id, given.external_id, given.new_external_id, given.source_braze_id, given.changes
FROM workspace_home AS home
CROSS JOIN jsonb_to_recordset(%(rows)s) AS given (
    id uuid, braze_id text, external_id text, new_external_id text, source_braze_id text, changes json
)
WHERE home.workspace_id = %(workspace_id)s
