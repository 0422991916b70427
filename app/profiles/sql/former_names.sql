-- name: record_former_name
-- Records a name that a profile lost, once.
INSERT INTO former_name (workspace_id, origin_id, kind, label, value)
VALUES (%(workspace_id)s, %(origin_id)s, %(kind)s, %(label)s, %(value)s)
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
