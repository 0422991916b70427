-- name: take_aliases
-- Takes aliases from those who have them: their new names are given afterwards, so that no name stands in its way.
DELETE FROM user_alias
USING unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.name
