-- name: find_external_ids
-- Finds the profiles with these external_ids, as their primary or as a deprecated one.
SELECT external_id, id, true AS identified, email_key, phone_e164
FROM profile
WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s)

UNION ALL

SELECT
    deprecated_external_id.external_id, profile.id, profile.external_id IS NOT NULL, profile.email_key, profile.phone_e164
FROM deprecated_external_id
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = deprecated_external_id.profile_id
WHERE deprecated_external_id.workspace_id = %(workspace_id)s
    AND deprecated_external_id.external_id = ANY(%(external_ids)s)

-- name: find_braze_ids
-- Finds the profiles with these braze_ids.
SELECT braze_id, id, external_id IS NOT NULL AS identified, email_key, phone_e164
FROM profile
WHERE workspace_id = %(workspace_id)s AND braze_id = ANY(%(braze_ids)s)

-- name: find_aliases
-- Finds the profiles with these aliases.
SELECT
    user_alias.label, user_alias.name, profile.id, profile.external_id IS NOT NULL AS identified, profile.email_key,
    profile.phone_e164
FROM unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
JOIN user_alias
    ON user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.name
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = user_alias.profile_id

-- name: find_emails
-- Finds, for each email address, the most recently updated profile with an external_id, else the most recently updated.
SELECT given.key, newest.id, newest.identified, newest.email_key, newest.phone_e164
FROM unnest(%(keys)s::text[]) AS given (key)
CROSS JOIN LATERAL (
    SELECT id, external_id IS NOT NULL AS identified, email_key, phone_e164
    FROM profile
    WHERE workspace_id = %(workspace_id)s AND email_key = given.key
    ORDER BY (external_id IS NOT NULL) DESC, updated_at DESC, id DESC
    LIMIT 1
) AS newest

-- name: find_phones
-- Finds, for each phone number, the most recently updated profile with an external_id, else the most recently updated.
SELECT given.key, newest.id, newest.identified, newest.email_key, newest.phone_e164
FROM unnest(%(keys)s::text[]) AS given (key)
CROSS JOIN LATERAL (
    SELECT id, external_id IS NOT NULL AS identified, email_key, phone_e164
    FROM profile
    WHERE workspace_id = %(workspace_id)s AND phone_key = given.key
    ORDER BY (external_id IS NOT NULL) DESC, updated_at DESC, id DESC
    LIMIT 1
) AS newest

-- name: find_devices
-- Finds, for each device, the most recently updated unidentified profile that has it, by the partial index
-- profile_unidentified_device, which is on the same expression and has the workspace as its outermost key.
SELECT given.device_id, newest.id, false AS identified, newest.email_key, newest.phone_e164
FROM unnest(%(device_ids)s::text[]) AS given (device_id)
CROSS JOIN LATERAL (
    SELECT profile.id, profile.email_key, profile.phone_e164
    FROM workspace_profile AS profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.external_id IS NULL AND profile.devices <> '{}'
        AND jsonb_set('{}', ARRAY[profile.workspace_id::text], jsonb_path_query_array(profile.devices, '$.keyvalue().key'))
        @> jsonb_build_object(%(workspace_id)s::integer, jsonb_build_array(given.device_id))
    ORDER BY profile.updated_at DESC, profile.id DESC
    LIMIT 1
) AS newest

-- name: claim_addresses
-- Takes an advisory lock for each address or device until the transaction ends, because no unique index guards addresses. All
-- transactions take the locks in one order, so that two requests wait for each other instead of deadlocking. First of all, a
-- request shares a lock that an import takes for itself: so an import claims all addresses, for locks on thousands of them
-- would fill PostgreSQL's table of locks. On Citus the server that has the workspace takes the locks.
SELECT pg_advisory_xact_lock(sorted.key)
FROM workspace_home AS home
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN %(all)s THEN pg_advisory_xact_lock(hashtextextended('imports', home.workspace_id))
            ELSE pg_advisory_xact_lock_shared(hashtextextended('imports', home.workspace_id))
        END
    OFFSET 0
) AS imports
LEFT JOIN (
    SELECT DISTINCT hashtextextended(given.address, %(workspace_id)s) AS key
    FROM unnest(%(addresses)s::text[]) AS given (address)
    ORDER BY key
    OFFSET 0
) AS sorted ON true
WHERE home.workspace_id = %(workspace_id)s
