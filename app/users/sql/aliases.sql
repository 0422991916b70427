-- name: delete_old_aliases
-- Deletes aliases before their new names are inserted, so that aliases can swap names.
DELETE FROM user_alias
USING unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.name
