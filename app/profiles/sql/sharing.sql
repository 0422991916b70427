-- name: find_sharers
-- Finds, for each email address and phone number, the most recently updated profiles with it, without those of the
-- request. Two probes of the index for each address, identified and unidentified profiles: it has them apart.
SELECT given.kind, given.key, sharer.id
FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS given (kind, key)
CROSS JOIN LATERAL (
    SELECT candidate.id
    FROM (VALUES (true), (false)) AS class (identified)
    CROSS JOIN LATERAL (
        (
            SELECT profile.id, profile.updated_at
            FROM profile
            WHERE given.kind = 'email' AND profile.workspace_id = %(workspace_id)s AND profile.email_key = given.key
                AND (profile.external_id IS NOT NULL) = class.identified AND profile.id <> ALL(%(besides)s::bigint[])
            ORDER BY profile.updated_at DESC, profile.id DESC
            LIMIT %(limit)s
        )
        UNION ALL
        (
            SELECT profile.id, profile.updated_at
            FROM profile
            WHERE given.kind = 'phone' AND profile.workspace_id = %(workspace_id)s AND profile.phone_key = given.key
                AND (profile.external_id IS NOT NULL) = class.identified AND profile.phone_e164 IS NOT NULL
                AND profile.id <> ALL(%(besides)s::bigint[])
            ORDER BY profile.updated_at DESC, profile.id DESC
            LIMIT %(limit)s
        )
    ) AS candidate
    ORDER BY candidate.updated_at DESC, candidate.id DESC
    LIMIT %(limit)s
) AS sharer

-- name: load_sharers
-- Reads the addresses and the consent of profiles.
SELECT
    id, braze_id, external_id, email, email_key, email_encrypted, phone, phone_e164, email_subscription,
    email_open_tracking_disabled, email_click_tracking_disabled, marked_email_as_spam_at, subscription_groups
FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s::bigint[])

-- name: save_consent
-- Writes the consent of profiles and nothing else. The profiles are a JSON array of rows.
UPDATE profile
SET
    email_subscription = given.email_subscription,
    email_open_tracking_disabled = given.email_open_tracking_disabled,
    email_click_tracking_disabled = given.email_click_tracking_disabled,
    marked_email_as_spam_at = given.marked_email_as_spam_at,
    subscription_groups = given.subscription_groups
FROM jsonb_populate_recordset(NULL::profile, %(rows)s) AS given
WHERE profile.workspace_id = %(workspace_id)s AND profile.id = given.id
