-- name: be_patient
-- Lets the statements of this transaction take longer than others may.
SELECT set_config('statement_timeout', %(milliseconds)s, true)

-- name: delete_origins
-- Deletes which other origins read under these profiles, and lists them.
DELETE FROM origin
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(ids)s)
RETURNING origin_id

-- name: delete_events
-- Deletes the custom events of people who are erased.
DELETE FROM custom_event
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)

-- name: delete_purchases
-- Deletes the purchases of people who are erased.
DELETE FROM purchase
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)

-- name: delete_sessions
-- Deletes the sessions of people who are erased.
DELETE FROM session
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)

-- name: delete_engagements
-- Deletes the engagements of people who are erased.
DELETE FROM engagement
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origin_ids)s)

-- name: delete_redirects
-- Deletes where the profiles went that were merged into those that are erased, and lists them.
DELETE FROM redirect
WHERE workspace_id = %(workspace_id)s AND orphan_id = ANY(%(origin_ids)s)
RETURNING braze_id, external_id

-- name: delete_deprecated
-- Deletes the deprecated external_ids of people who are erased, and lists them.
DELETE FROM deprecated_external_id
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(origin_ids)s)
RETURNING external_id

-- name: delete_aliases
-- Deletes the aliases of profiles that are erased.
DELETE FROM user_alias
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(ids)s)

-- name: delete_profiles
-- Deletes profiles that are erased; they are locked already.
DELETE FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)

-- name: merges_of_orphans
-- Lists the merges by which profiles went away that were known under these ids, and whether their audit still shows them.
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
