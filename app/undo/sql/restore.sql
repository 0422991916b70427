-- name: insert_orphan
-- Inserts an orphan again, with its former ids and no other values.
INSERT INTO profile (workspace_id, id, braze_id, created_at, updated_at, random_bucket)
VALUES (%(workspace_id)s, %(id)s, %(braze_id)s, %(created_at)s, %(updated_at)s, %(random_bucket)s)

-- name: return_origins
-- Maps the origins of an orphan from its survivor to the orphan.
UPDATE origin
SET profile_id = %(orphan_id)s
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origins)s) AND profile_id = %(survivor_id)s
    AND origin_id <> %(orphan_id)s

-- name: delete_redirect
-- Deletes a restored orphan's redirect and its own row in the map of origins.
WITH own_origin AS (
    DELETE FROM origin
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(orphan_id)s
)

DELETE FROM redirect
WHERE workspace_id = %(workspace_id)s AND orphan_id = %(orphan_id)s

-- name: return_aliases
-- Moves the aliases that the survivor got from the orphan to the orphan. Its own are its own again.
UPDATE user_alias
SET profile_id = %(orphan_id)s, origin_id = nullif(user_alias.origin_id, %(orphan_id)s)
FROM unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.name
    AND user_alias.profile_id = %(survivor_id)s

-- name: return_deprecated
-- Moves the deprecated external_ids that the survivor got from the orphan to the orphan.
UPDATE deprecated_external_id
SET profile_id = %(orphan_id)s
WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s) AND profile_id = %(survivor_id)s

-- name: return_alias_origins
-- Gives the orphan's aliases that had come to it by earlier merges their origins again.
UPDATE user_alias
SET origin_id = given.origin_id
FROM unnest(%(labels)s::text[], %(origin_ids)s::bigint[]) AS given (label, origin_id)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.profile_id = %(orphan_id)s
    AND user_alias.label = given.label
