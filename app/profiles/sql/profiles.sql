-- name: lock_profiles
-- Locks profiles in ascending id order, whatever their role, so that two merges wait for each other instead of
-- deadlocking.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
ORDER BY id
FOR UPDATE

-- name: load_profiles
-- Reads profiles with their aliases, and the origins of aliases that came by a merge.
-- app/profiles/store.py adds the columns that have the name of a field of Profile.
SELECT
    coalesce(alias.names, '{}') AS user_aliases, coalesce(alias.origins, '{}') AS alias_origins, profile.email,
    profile.email_key, profile.email_encrypted, profile.phone, profile.phone_e164 /* other columns */
FROM profile
CROSS JOIN LATERAL (
    SELECT
        jsonb_object_agg(user_alias.label, user_alias.name) AS names,
        jsonb_object_agg(user_alias.label, user_alias.origin_id) FILTER (
            WHERE user_alias.origin_id IS NOT NULL
        ) AS origins
    FROM user_alias
    WHERE user_alias.workspace_id = profile.workspace_id AND user_alias.profile_id = profile.id
) AS alias
WHERE profile.workspace_id = %(workspace_id)s AND profile.id = ANY(%(ids)s)

-- name: save_profiles
-- Writes every column that can change. The profiles are a JSON array of rows.
-- app/profiles/store.py adds the columns that have the name of a field of Profile.
UPDATE profile
SET
    email = given.email,
    email_key = given.email_key,
    email_encrypted = given.email_encrypted,
    phone = given.phone,
    phone_e164 = given.phone_e164 /* other columns */
FROM jsonb_populate_recordset(NULL::profile, %(rows)s) AS given
WHERE profile.workspace_id = %(workspace_id)s AND profile.id = given.id
