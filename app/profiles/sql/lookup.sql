-- name: next_profiles
-- Finds the next profiles of a workspace in the order of their ids.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s

-- name: find_live_profile
-- Finds a live profile by its braze_id.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND braze_id = %(braze_id)s

-- name: find_survivor
-- Finds the live profile that contains a merged-away one, after any number of merges.
SELECT profile.braze_id
FROM redirect
JOIN origin ON origin.workspace_id = redirect.workspace_id AND origin.origin_id = redirect.orphan_id
JOIN profile ON profile.workspace_id = origin.workspace_id AND profile.id = origin.profile_id
WHERE redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = %(braze_id)s
