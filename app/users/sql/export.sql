-- name: profiles_of_email
-- Finds the profiles with an email address, those with an external_id first, then the most recently updated.
-- That is the order of the index.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND email_key = %(key)s
ORDER BY (external_id IS NOT NULL) DESC, updated_at DESC, id DESC
LIMIT %(limit)s

-- name: profiles_of_phone
-- Finds the profiles with a phone number, those with an external_id first, then the most recently updated.
-- That is the order of the index.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND phone_key = %(key)s
ORDER BY (external_id IS NOT NULL) DESC, updated_at DESC, id DESC
LIMIT %(limit)s

-- name: profiles_of_device
-- Finds the profiles with a device, or with a push token of a device, the most recently updated first. Reads the whole
-- workspace: there is no index.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s
    AND (
        devices ? %(key)s
        OR (
            push_tokens <> '{}'
            AND jsonb_path_exists(push_tokens, '$.*.device_id ? (@ == $id)', jsonb_build_object('id', %(key)s::text))
        )
    )
ORDER BY updated_at DESC, id DESC
LIMIT %(limit)s
