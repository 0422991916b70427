-- name: delete_origins
-- Deletes the map from origins to these profiles.
DELETE FROM origin
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(ids)s)

-- name: delete_push_tokens
-- Deletes the reports of push tokens by erased profiles.
DELETE FROM push_token_report
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)

-- name: delete_redirects
-- Deletes the redirects of profiles that were merged into erased ones.
DELETE FROM redirect
WHERE workspace_id = %(workspace_id)s AND orphan_id = ANY(%(origin_ids)s)

-- name: delete_deprecated
-- Deletes the deprecated external_ids of erased profiles.
DELETE FROM deprecated_external_id
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(origin_ids)s)

-- name: delete_former_names
-- Deletes the names that erased profiles had before.
DELETE FROM former_name
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)

-- name: delete_aliases
-- Deletes the aliases of erased profiles.
DELETE FROM user_alias
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(ids)s)

-- name: delete_key_changes
-- Deletes the former and current comparison keys of erased profiles.
DELETE FROM key_change
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(origin_ids)s)

-- name: delete_exclusions
-- Deletes the pairs of erased profiles that duplicate runs leave alone.
DELETE FROM duplicate_exclusion
WHERE workspace_id = %(workspace_id)s
    AND (low_origin_id = ANY(%(origin_ids)s) OR high_origin_id = ANY(%(origin_ids)s))

-- name: delete_profiles
-- Deletes profiles, which the transaction has locked.
DELETE FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)

-- name: merges_of_orphans
-- Lists the merges of orphans that had these ids, and whether the audit still has their snapshots.
WITH found AS (
    SELECT job_id, braze_id
    FROM redirect
    WHERE workspace_id = %(workspace_id)s AND braze_id = ANY(%(braze_ids)s)
    UNION
    SELECT job_id, braze_id
    FROM redirect
    WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s)
)

SELECT found.job_id, found.braze_id, coalesce(record.orphan_before::text <> '{}', false) AS known
FROM found
LEFT JOIN merge_record AS record ON record.workspace_id = %(workspace_id)s AND record.job_id = found.job_id

-- name: delete_planned
-- Deletes the updates of plans that show erased profiles. A job of such an update merges nothing.
DELETE FROM plan_update
WHERE workspace_id = %(workspace_id)s AND (orphan_id = ANY(%(origin_ids)s) OR survivor_id = ANY(%(origin_ids)s))
