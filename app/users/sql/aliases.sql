-- name: delete_old_aliases
-- Deletes aliases before their new names are inserted, so that aliases can swap names.
DELETE FROM user_alias
USING unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.name

-- name: own_aliases
-- Makes aliases that profiles have by a merge their own. Returns these profiles.
UPDATE user_alias
SET origin_id = NULL
FROM unnest(%(labels)s::text[], %(names)s::text[], %(profile_ids)s::bigint[]) AS given (label, name, profile_id)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.name
    AND user_alias.profile_id = given.profile_id AND user_alias.origin_id IS NOT NULL
RETURNING user_alias.profile_id
