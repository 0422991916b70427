-- name: origins_of_profiles
-- Lists the origins of these profiles, except for their own ids.
SELECT origin_id, profile_id
FROM origin
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(ids)s)

-- name: redirects_of_origins
-- Lists the profiles that were merged away and had these ids.
SELECT orphan_id AS origin_id, braze_id, external_id, job_id, merged_at
FROM redirect
WHERE workspace_id = %(workspace_id)s AND orphan_id = ANY(%(origin_ids)s)
