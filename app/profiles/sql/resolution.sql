-- name: resolve_identifiers
-- Finds the profiles that each asked identifier may denote: the live ones, or where a merged-away external_id went.
-- A deprecated external_id leads where the profile's primary one does.
-- Of the profiles that share an address, only the two most (or least) recently updated of either kind are read: enough
-- to tell one from several after any prioritization, and an index probe however many share it.
WITH asked AS (
    SELECT place, kind, key, label, newest
    FROM jsonb_to_recordset(%(asked)s) AS given (place integer, kind text, key text, label text, newest boolean)
)

SELECT asked.place, profile.id, profile.external_id IS NOT NULL AS identified, profile.updated_at,
    NULL::bigint AS orphan_id, NULL::text AS orphan_braze_id, NULL::text AS orphan_external_id
FROM asked
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.external_id = asked.key
WHERE asked.kind = 'external_id'

UNION ALL

SELECT asked.place, origin.profile_id, NULL, NULL, redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM asked
JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.external_id = asked.key
JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
WHERE asked.kind = 'external_id'

UNION ALL

SELECT asked.place, profile.id, profile.external_id IS NOT NULL, profile.updated_at, NULL, NULL, NULL
FROM asked
JOIN deprecated_external_id AS old ON old.workspace_id = %(workspace_id)s AND old.external_id = asked.key
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = old.profile_id
WHERE asked.kind = 'external_id'

UNION ALL

SELECT asked.place, origin.profile_id, NULL, NULL, redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM asked
JOIN deprecated_external_id AS old ON old.workspace_id = %(workspace_id)s AND old.external_id = asked.key
JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = old.profile_id
JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
WHERE asked.kind = 'external_id'

UNION ALL

SELECT asked.place, profile.id, profile.external_id IS NOT NULL, profile.updated_at, NULL, NULL, NULL
FROM asked
JOIN user_alias
    ON user_alias.workspace_id = %(workspace_id)s AND user_alias.label = asked.label AND user_alias.name = asked.key
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = user_alias.profile_id
WHERE asked.kind = 'user_alias'

UNION ALL

SELECT asked.place, candidate.id, class.identified, candidate.updated_at, NULL, NULL, NULL
FROM asked
CROSS JOIN (VALUES (true), (false)) AS class (identified)
CROSS JOIN LATERAL (
    (
        SELECT profile.id, profile.updated_at
        FROM profile
        WHERE asked.newest AND profile.workspace_id = %(workspace_id)s AND profile.email_key = asked.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at DESC
        LIMIT 2
    )
    UNION ALL
    (
        SELECT profile.id, profile.updated_at
        FROM profile
        WHERE NOT asked.newest AND profile.workspace_id = %(workspace_id)s AND profile.email_key = asked.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at
        LIMIT 2
    )
) AS candidate
WHERE asked.kind = 'email'

UNION ALL

SELECT asked.place, candidate.id, class.identified, candidate.updated_at, NULL, NULL, NULL
FROM asked
CROSS JOIN (VALUES (true), (false)) AS class (identified)
CROSS JOIN LATERAL (
    (
        SELECT profile.id, profile.updated_at
        FROM profile
        WHERE asked.newest AND profile.workspace_id = %(workspace_id)s AND profile.phone_key = asked.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at DESC
        LIMIT 2
    )
    UNION ALL
    (
        SELECT profile.id, profile.updated_at
        FROM profile
        WHERE NOT asked.newest AND profile.workspace_id = %(workspace_id)s AND profile.phone_key = asked.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at
        LIMIT 2
    )
) AS candidate
WHERE asked.kind = 'phone'

-- name: resolve_members
-- Finds the profiles that a run over duplicates named by braze_id: the live ones, or where a merged-away one went.
WITH asked AS (
    SELECT place, key FROM jsonb_to_recordset(%(asked)s) AS given (place integer, key text)
)

SELECT asked.place, profile.id, profile.external_id IS NOT NULL AS identified, profile.updated_at,
    NULL::bigint AS orphan_id, NULL::text AS orphan_braze_id, NULL::text AS orphan_external_id
FROM asked
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.braze_id = asked.key

UNION ALL

SELECT asked.place, origin.profile_id, NULL, NULL, redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM asked
JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = asked.key
JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
