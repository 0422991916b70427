-- Pairs of profiles that are not a match.

-- name: add_exclusions
-- Inserts those of the pairs that are new, and returns their ids. The rows are one JSON array.
INSERT INTO duplicate_exclusion AS added (
    workspace_id, id, low_origin_id, high_origin_id, low_braze_id, high_braze_id, reason, api_key_id
)
SELECT
    low.workspace_id, given.id, given.low_origin_id, given.high_origin_id, given.low_braze_id, given.high_braze_id,
    given.reason, %(api_key_id)s
FROM jsonb_to_recordset(%(rows)s) AS given (
    id uuid, low_origin_id bigint, high_origin_id bigint, low_braze_id text, high_braze_id text, reason text
)
JOIN profile AS low ON low.workspace_id = %(workspace_id)s AND low.id = given.low_origin_id
-- One order, so that two requests wait for each other instead of deadlocking.
ORDER BY given.low_origin_id, given.high_origin_id
ON CONFLICT (workspace_id, low_origin_id, high_origin_id) DO NOTHING
RETURNING id

-- name: read_exclusions
-- Reads the exclusions of pairs of origins.
SELECT
    exclusion.id, exclusion.low_origin_id, exclusion.high_origin_id, exclusion.low_braze_id, exclusion.high_braze_id,
    low_profile.braze_id AS low_merged_into, high_profile.braze_id AS high_merged_into,
    exclusion.reason, exclusion.created_at, exclusion.api_key_id, key.label, exclusion.undo_job_id
FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[]) AS given (low, high)
JOIN duplicate_exclusion AS exclusion
    ON exclusion.workspace_id = %(workspace_id)s
    AND exclusion.low_origin_id = given.low AND exclusion.high_origin_id = given.high
LEFT JOIN origin AS low_origin
    ON low_origin.workspace_id = %(workspace_id)s AND low_origin.origin_id = exclusion.low_origin_id
LEFT JOIN profile AS low_profile
    ON low_profile.workspace_id = %(workspace_id)s AND low_profile.id = low_origin.profile_id
LEFT JOIN origin AS high_origin
    ON high_origin.workspace_id = %(workspace_id)s AND high_origin.origin_id = exclusion.high_origin_id
LEFT JOIN profile AS high_profile
    ON high_profile.workspace_id = %(workspace_id)s AND high_profile.id = high_origin.profile_id
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = exclusion.api_key_id

-- name: list_exclusions
-- Lists a page of exclusions, newest first.
SELECT
    exclusion.id, exclusion.low_origin_id, exclusion.high_origin_id, exclusion.low_braze_id, exclusion.high_braze_id,
    low_profile.braze_id AS low_merged_into, high_profile.braze_id AS high_merged_into,
    exclusion.reason, exclusion.created_at, exclusion.api_key_id, key.label, exclusion.undo_job_id
FROM duplicate_exclusion AS exclusion
LEFT JOIN origin AS low_origin
    ON low_origin.workspace_id = %(workspace_id)s AND low_origin.origin_id = exclusion.low_origin_id
LEFT JOIN profile AS low_profile
    ON low_profile.workspace_id = %(workspace_id)s AND low_profile.id = low_origin.profile_id
LEFT JOIN origin AS high_origin
    ON high_origin.workspace_id = %(workspace_id)s AND high_origin.origin_id = exclusion.high_origin_id
LEFT JOIN profile AS high_profile
    ON high_profile.workspace_id = %(workspace_id)s AND high_profile.id = high_origin.profile_id
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = exclusion.api_key_id
WHERE exclusion.workspace_id = %(workspace_id)s AND (%(before)s::uuid IS NULL OR exclusion.id < %(before)s)
ORDER BY exclusion.id DESC
LIMIT %(limit)s

-- name: delete_exclusion
-- Deletes an exclusion and returns it.
DELETE FROM duplicate_exclusion
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
RETURNING low_braze_id, high_braze_id, reason
