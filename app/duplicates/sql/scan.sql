-- The scan over duplicates, along the index of addresses. Each query reads a bounded number of entries.

-- name: shared_emails
-- Reads the next entries of the index of email addresses, and returns the addresses that several entries share.
WITH entry AS (
    SELECT email_key AS address
    FROM profile
    WHERE workspace_id = %(workspace_id)s AND email_key > %(after)s
    ORDER BY email_key
    LIMIT %(entries)s
),

counted AS (
    SELECT address, count(*) AS members, sum(count(*)) OVER (ORDER BY address) AS entries
    FROM entry
    GROUP BY address
)

SELECT counted.address, counted.members, counted.entries::bigint, total.entries AS total
FROM counted
CROSS JOIN (SELECT count(*) AS entries FROM entry) AS total
-- Of the other addresses only the last ones are needed: they give the end of what was read.
WHERE counted.members > 1 OR counted.entries >= total.entries - 1
ORDER BY counted.address

-- name: shared_phones
-- Does the same along the index of phone numbers. An E.164 form begins with a plus, which comes before the comma; the
-- index also has numbers without one, which identify no profile.
WITH entry AS (
    SELECT phone_key AS address
    FROM profile
    WHERE workspace_id = %(workspace_id)s AND phone_key > %(after)s AND phone_key >= '+' AND phone_key < ','
    ORDER BY phone_key
    LIMIT %(entries)s
),

counted AS (
    SELECT address, count(*) AS members, sum(count(*)) OVER (ORDER BY address) AS entries
    FROM entry
    GROUP BY address
)

SELECT counted.address, counted.members, counted.entries::bigint, total.entries AS total
FROM counted
CROSS JOIN (SELECT count(*) AS entries FROM entry) AS total
WHERE counted.members > 1 OR counted.entries >= total.entries - 1
ORDER BY counted.address

-- name: members_by_email
-- Reads up to a limit of profiles of each email address, in index order, after an index position.
SELECT
    shared.address, profile.id, profile.braze_id, profile.external_id, profile.created_at, profile.updated_at,
    profile.last_session_at, profile.email, profile.email_encrypted, profile.phone, profile.phone_e164,
    profile.control_group, profile.marked_for_deletion_at
FROM unnest(%(addresses)s::text[]) AS shared (address)
CROSS JOIN LATERAL (
    SELECT
        id, braze_id, external_id, created_at, updated_at, last_session_at, email, email_encrypted, phone, phone_e164,
        control_group, marked_for_deletion_at
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.email_key = shared.address
        AND ((profile.external_id IS NOT NULL), profile.updated_at, profile.id)
        > (%(identified)s::boolean, %(updated_at)s::timestamptz, %(id)s::bigint)
    ORDER BY (profile.external_id IS NOT NULL), profile.updated_at, profile.id
    LIMIT %(limit)s
) AS profile
ORDER BY shared.address, (profile.external_id IS NOT NULL), profile.updated_at, profile.id

-- name: members_by_phone
-- Does the same for phone numbers.
SELECT
    shared.address, profile.id, profile.braze_id, profile.external_id, profile.created_at, profile.updated_at,
    profile.last_session_at, profile.email, profile.email_encrypted, profile.phone, profile.phone_e164,
    profile.control_group, profile.marked_for_deletion_at
FROM unnest(%(addresses)s::text[]) AS shared (address)
CROSS JOIN LATERAL (
    SELECT
        id, braze_id, external_id, created_at, updated_at, last_session_at, email, email_encrypted, phone, phone_e164,
        control_group, marked_for_deletion_at
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.phone_key = shared.address
        AND ((profile.external_id IS NOT NULL), profile.updated_at, profile.id)
        > (%(identified)s::boolean, %(updated_at)s::timestamptz, %(id)s::bigint)
    ORDER BY (profile.external_id IS NOT NULL), profile.updated_at, profile.id
    LIMIT %(limit)s
) AS profile
ORDER BY shared.address, (profile.external_id IS NOT NULL), profile.updated_at, profile.id

-- name: read_best_members
-- Reads given profiles of a large group, such as its best candidates, again.
SELECT
    id, braze_id, external_id, created_at, updated_at, last_session_at, email, email_encrypted, phone, phone_e164,
    control_group, marked_for_deletion_at
FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
    AND %(address)s IN (email_key, phone_key)
ORDER BY id
