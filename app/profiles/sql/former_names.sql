-- name: record_former_names
-- Records names that profiles lost, each once.
INSERT INTO former_name (workspace_id, origin_id, kind, label, value)
SELECT %(workspace_id)s, given.origin_id, given.kind, given.label, given.value
FROM jsonb_to_recordset(%(names)s::jsonb) AS given (origin_id bigint, kind text, label text, value text)
ON CONFLICT (workspace_id, origin_id, kind, label, value) DO NOTHING

-- name: names_of_origins
-- Lists the former names that were recorded under these origins, and the deprecated external_ids of their profiles.
SELECT origin_id, kind, label, value, ended_at
FROM former_name
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)

UNION ALL

SELECT profile_id, 'external_id', '', external_id, deprecated_at
FROM deprecated_external_id
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(origin_ids)s)
