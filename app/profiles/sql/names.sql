-- Names of profiles for lists.

-- name: read_names
-- Reads the names and email addresses of profiles by braze_id and by external_id.
SELECT braze_id, external_id, first_name, last_name, email
FROM profile
WHERE workspace_id = %(workspace_id)s AND braze_id = ANY(%(braze_ids)s::text[])
UNION ALL
SELECT braze_id, external_id, first_name, last_name, email
FROM profile
WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s::text[])
