-- Queries of `mergelane doctor --data`.

-- name: identifiers
-- Reads the identifiers of the profiles of a workspace, page by page, by id.
SELECT id, braze_id, external_id, email, email_encrypted, phone
FROM profile
WHERE workspace_id = %(workspace_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s

-- name: aliases
-- Reads the aliases of a workspace with the braze_id of their profile, page by page, by label and name.
SELECT user_alias.label, user_alias.name, profile.braze_id
FROM user_alias
INNER JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = user_alias.profile_id
WHERE user_alias.workspace_id = %(workspace_id)s AND (user_alias.label, user_alias.name) > (%(label)s, %(name)s)
ORDER BY user_alias.label, user_alias.name
LIMIT %(limit)s
