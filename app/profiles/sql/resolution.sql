-- name: resolve_identifiers
-- Finds the candidates of each given identifier: live profiles, or the survivor of a merged-away external_id.
-- A deprecated external_id resolves like the primary one of its profile.
-- A live profile that has the alias or the address by a merge comes with the orphan that had it before.
-- Of the profiles that share an address, reads only the two most (or least) recently updated, with and without an
-- external_id. Two are enough to detect ambiguity after any prioritization, and the cost is an index probe.
-- Every lookup is a subquery with LIMIT, so that PostgreSQL can only probe a key for each identifier. A join would be made
-- by reading a whole index if it was planned while the tables were empty, and would stay so when they are full. BETWEEN and
-- ORDER BY leave only the primary key: see lock_profiles.
WITH given AS (
    SELECT place, kind, key, label, newest
    FROM jsonb_to_recordset(%(given)s) AS identifier (place integer, kind text, key text, label text, newest boolean)
)

SELECT given.place, profile.id, profile.external_id IS NOT NULL AS identified, profile.updated_at,
    NULL::bigint AS orphan_id, NULL::text AS orphan_braze_id, NULL::text AS orphan_external_id
FROM given
CROSS JOIN LATERAL (
    SELECT profile.id, profile.external_id, profile.updated_at
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.external_id = given.key
    LIMIT 1
) AS profile
WHERE given.kind = 'external_id'

UNION ALL

SELECT given.place, origin.profile_id, NULL, NULL, redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM given
CROSS JOIN LATERAL (
    SELECT redirect.orphan_id, redirect.braze_id, redirect.external_id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.external_id = given.key
    LIMIT 1
) AS redirect
CROSS JOIN LATERAL (
    SELECT origin.profile_id
    FROM origin
    WHERE origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
    LIMIT 1
) AS origin
WHERE given.kind = 'external_id'

UNION ALL

SELECT given.place, profile.id, profile.external_id IS NOT NULL, profile.updated_at, NULL, NULL, NULL
FROM given
CROSS JOIN LATERAL (
    SELECT name.profile_id
    FROM deprecated_external_id AS name
    WHERE name.workspace_id = %(workspace_id)s AND name.external_id = given.key
    LIMIT 1
) AS old
CROSS JOIN LATERAL (
    SELECT profile.id, profile.external_id, profile.updated_at
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id BETWEEN old.profile_id AND old.profile_id
    ORDER BY profile.id
    LIMIT 1
) AS profile
WHERE given.kind = 'external_id'

UNION ALL

SELECT given.place, origin.profile_id, NULL, NULL, redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM given
CROSS JOIN LATERAL (
    SELECT name.profile_id
    FROM deprecated_external_id AS name
    WHERE name.workspace_id = %(workspace_id)s AND name.external_id = given.key
    LIMIT 1
) AS old
CROSS JOIN LATERAL (
    SELECT redirect.orphan_id, redirect.braze_id, redirect.external_id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = old.profile_id
    LIMIT 1
) AS redirect
CROSS JOIN LATERAL (
    SELECT origin.profile_id
    FROM origin
    WHERE origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
    LIMIT 1
) AS origin
WHERE given.kind = 'external_id'

UNION ALL

SELECT given.place, profile.id, profile.external_id IS NOT NULL, profile.updated_at,
    redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM given
CROSS JOIN LATERAL (
    SELECT user_alias.profile_id, user_alias.origin_id
    FROM user_alias
    WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.key
    LIMIT 1
) AS user_alias
CROSS JOIN LATERAL (
    SELECT profile.id, profile.external_id, profile.updated_at
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id BETWEEN user_alias.profile_id AND user_alias.profile_id
    ORDER BY profile.id
    LIMIT 1
) AS profile
LEFT JOIN LATERAL (
    SELECT redirect.orphan_id, redirect.braze_id, redirect.external_id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = user_alias.origin_id
    LIMIT 1
) AS redirect ON TRUE
WHERE given.kind = 'user_alias'

UNION ALL

SELECT given.place, candidate.id, class.identified, candidate.updated_at,
    redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM given
CROSS JOIN (VALUES (true), (false)) AS class (identified)
CROSS JOIN LATERAL (
    (
        SELECT profile.id, profile.updated_at, profile.email_origin_id AS origin_id
        FROM profile
        WHERE given.newest AND profile.workspace_id = %(workspace_id)s AND profile.email_key = given.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at DESC
        LIMIT 2
    )
    UNION ALL
    (
        SELECT profile.id, profile.updated_at, profile.email_origin_id AS origin_id
        FROM profile
        WHERE NOT given.newest AND profile.workspace_id = %(workspace_id)s AND profile.email_key = given.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at
        LIMIT 2
    )
) AS candidate
LEFT JOIN LATERAL (
    SELECT redirect.orphan_id, redirect.braze_id, redirect.external_id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = candidate.origin_id
    LIMIT 1
) AS redirect ON TRUE
WHERE given.kind = 'email'

UNION ALL

SELECT given.place, candidate.id, class.identified, candidate.updated_at,
    redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM given
CROSS JOIN (VALUES (true), (false)) AS class (identified)
CROSS JOIN LATERAL (
    (
        SELECT profile.id, profile.updated_at, profile.phone_origin_id AS origin_id
        FROM profile
        WHERE given.newest AND profile.workspace_id = %(workspace_id)s AND profile.phone_key = given.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at DESC
        LIMIT 2
    )
    UNION ALL
    (
        SELECT profile.id, profile.updated_at, profile.phone_origin_id AS origin_id
        FROM profile
        WHERE NOT given.newest AND profile.workspace_id = %(workspace_id)s AND profile.phone_key = given.key
            AND (profile.external_id IS NOT NULL) = class.identified
        ORDER BY profile.updated_at
        LIMIT 2
    )
) AS candidate
LEFT JOIN LATERAL (
    SELECT redirect.orphan_id, redirect.braze_id, redirect.external_id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = candidate.origin_id
    LIMIT 1
) AS redirect ON TRUE
WHERE given.kind = 'phone'

-- name: resolve_members
-- Finds the profiles that a duplicates run names by braze_id: live ones, or the survivor of a merged-away one.
WITH given AS (
    SELECT place, key FROM jsonb_to_recordset(%(given)s) AS identifier (place integer, key text)
)

SELECT given.place, profile.id, profile.external_id IS NOT NULL AS identified, profile.updated_at,
    NULL::bigint AS orphan_id, NULL::text AS orphan_braze_id, NULL::text AS orphan_external_id
FROM given
CROSS JOIN LATERAL (
    SELECT profile.id, profile.external_id, profile.updated_at
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.braze_id = given.key
    LIMIT 1
) AS profile

UNION ALL

SELECT given.place, origin.profile_id, NULL, NULL, redirect.orphan_id, redirect.braze_id, redirect.external_id
FROM given
CROSS JOIN LATERAL (
    SELECT redirect.orphan_id, redirect.braze_id, redirect.external_id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = given.key
    LIMIT 1
) AS redirect
CROSS JOIN LATERAL (
    SELECT origin.profile_id
    FROM origin
    WHERE origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
    LIMIT 1
) AS origin
