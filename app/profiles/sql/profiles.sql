-- name: lock_profiles
-- Locks profiles in the order of the given ids, which ascend, whatever their role, so that two merges wait for each other
-- instead of deadlocking. LIMIT leaves no other plan than a probe for each id, in this order. BETWEEN and ORDER BY leave no
-- other index than the primary key: with = another one, whose first column is the workspace, costs the same while the table
-- is empty.
SELECT found.id
FROM unnest(%(ids)s::bigint[]) AS given (id)
CROSS JOIN LATERAL (
    SELECT profile.id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id BETWEEN given.id AND given.id
    ORDER BY profile.id
    LIMIT 1
    FOR UPDATE
) AS found

-- name: load_profiles
-- Reads profiles with their aliases, and the origins of aliases that came by a merge.
-- app/profiles/store.py adds the columns that have the name of a field of Profile.
SELECT
    coalesce(alias.names, '{}') AS user_aliases, coalesce(alias.origins, '{}') AS alias_origins, profile.email,
    profile.email_key, profile.email_encrypted, profile.phone, profile.phone_e164 /* other columns */
FROM unnest(%(ids)s::bigint[]) AS given (id)
CROSS JOIN LATERAL (
    SELECT profile.email, profile.email_key, profile.email_encrypted, profile.phone, profile.phone_e164 /* other columns */
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id BETWEEN given.id AND given.id
    ORDER BY profile.id
    LIMIT 1
) AS profile
CROSS JOIN LATERAL (
    SELECT
        jsonb_object_agg(user_alias.label, user_alias.name) AS names,
        jsonb_object_agg(user_alias.label, user_alias.origin_id) FILTER (
            WHERE user_alias.origin_id IS NOT NULL
        ) AS origins
    FROM user_alias
    WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.profile_id = given.id
) AS alias

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
