-- name: find_external_id_holders
-- Finds the live profiles that have these external_ids, as their primary or as a deprecated one.
SELECT external_id, id, true AS is_primary
FROM profile
WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s)

UNION ALL

SELECT deprecated_external_id.external_id, profile.id, false
FROM deprecated_external_id
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = deprecated_external_id.profile_id
WHERE deprecated_external_id.workspace_id = %(workspace_id)s
    AND deprecated_external_id.external_id = ANY(%(external_ids)s)

-- name: take_over_external_ids
-- Ends redirects and deprecated external_ids of merged-away profiles, since live profiles have these external_ids now.
-- Returns the external_ids that a live profile has as a deprecated one.
WITH ended_redirect AS (
    UPDATE redirect
    SET external_id = NULL
    WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s)
),

ended_deprecation AS (
    DELETE FROM deprecated_external_id AS old
    WHERE old.workspace_id = %(workspace_id)s AND old.external_id = ANY(%(external_ids)s)
        AND NOT EXISTS (
            SELECT 1 FROM profile WHERE profile.workspace_id = %(workspace_id)s AND profile.id = old.profile_id
        )
)

SELECT old.external_id
FROM deprecated_external_id AS old
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = old.profile_id
WHERE old.workspace_id = %(workspace_id)s AND old.external_id = ANY(%(external_ids)s)

-- name: deprecate_external_ids
-- Adds deprecated external_ids, which keep resolving to their profiles.
INSERT INTO deprecated_external_id (workspace_id, external_id, profile_id, deprecated_at)
SELECT home.workspace_id, given.external_id, given.profile_id, %(now)s
FROM workspace_home AS home
CROSS JOIN unnest(%(external_ids)s::text[], %(profile_ids)s::bigint[]) AS given (external_id, profile_id)
WHERE home.workspace_id = %(workspace_id)s

-- name: remove_deprecated_external_ids
-- Removes deprecated external_ids, also of merged-away profiles. Returns the id and the braze_id of the profile that had
-- each.
WITH removed AS (
    DELETE FROM deprecated_external_id
    WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s)
    RETURNING external_id, profile_id
)

SELECT removed.external_id, removed.profile_id, coalesce(profile.braze_id, redirect.braze_id) AS braze_id
FROM removed
LEFT JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = removed.profile_id
LEFT JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = removed.profile_id
