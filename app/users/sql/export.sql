-- name: profiles_of_email
-- Finds the profiles with an email address, those with an external_id first, then the most recently updated:
-- the order in which the index has them.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND email_key = %(key)s
ORDER BY (external_id IS NOT NULL) DESC, updated_at DESC, id DESC
LIMIT %(limit)s

-- name: profiles_of_phone
-- Finds the profiles with a phone number, those with an external_id first, then the most recently updated:
-- the order in which the index has them.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND phone_key = %(key)s
ORDER BY (external_id IS NOT NULL) DESC, updated_at DESC, id DESC
LIMIT %(limit)s

-- name: profiles_of_device
-- Finds the profiles with a device, the most recently updated first. No index helps: this reads the whole workspace.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND devices ? %(key)s
ORDER BY updated_at DESC, id DESC
LIMIT %(limit)s

-- name: profiles_after
-- Finds the next profiles of a workspace in the order of their ids.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s

-- name: find_live
-- Finds a live profile by its braze_id.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND braze_id = %(braze_id)s

-- name: find_survivor
-- Finds the live profile that a merged-away one is part of now, however many merges lie between.
SELECT profile.braze_id
FROM redirect
JOIN origin ON origin.workspace_id = redirect.workspace_id AND origin.origin_id = redirect.orphan_id
JOIN profile ON profile.workspace_id = origin.workspace_id AND profile.id = origin.profile_id
WHERE redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = %(braze_id)s
