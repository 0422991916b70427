-- Finds the current survivor of ids. A live profile comes before a merged-away one: an external_id that is in use again
-- names the profile that has it now.

-- name: find_survivor
-- Finds what an id names: an external_id, else a braze_id. A braze_id that only the feed has is of a deleted profile.
SELECT named.id_type, named.state, named.braze_id, named.external_id
FROM (
    SELECT 1 AS place, 'external_id' AS id_type, 'current' AS state, profile.braze_id, profile.external_id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.external_id = %(id)s

    UNION ALL

    SELECT 2, 'external_id', 'renamed', profile.braze_id, profile.external_id
    FROM deprecated_external_id AS old
    JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = old.profile_id
    WHERE old.workspace_id = %(workspace_id)s AND old.external_id = %(id)s

    UNION ALL

    SELECT 2, 'external_id', 'merged', survivor.braze_id, survivor.external_id
    FROM deprecated_external_id AS old
    JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = old.profile_id
    JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id
    WHERE old.workspace_id = %(workspace_id)s AND old.external_id = %(id)s

    UNION ALL

    SELECT 3, 'external_id', 'merged', survivor.braze_id, survivor.external_id
    FROM redirect
    JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
    JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.external_id = %(id)s

    UNION ALL

    SELECT 4, 'braze_id', 'current', profile.braze_id, profile.external_id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.braze_id = %(id)s

    UNION ALL

    SELECT 5, 'braze_id', 'merged', survivor.braze_id, survivor.external_id
    FROM redirect
    JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = redirect.orphan_id
    JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = %(id)s

    UNION ALL

    (
        SELECT 6, 'braze_id', 'deleted', NULL, NULL
        FROM identity_change AS change
        WHERE change.workspace_id = %(workspace_id)s AND change.orphan_braze_id = %(id)s
            AND change.orphan_braze_id IS NOT NULL
        LIMIT 1
    )

    UNION ALL

    (
        SELECT 7, 'braze_id', 'deleted', NULL, NULL
        FROM audit_entry AS entry
        WHERE entry.workspace_id = %(workspace_id)s AND entry.braze_id = %(id)s AND entry.action = 'delete'
        LIMIT 1
    )
) AS named
ORDER BY named.place
LIMIT 1

-- name: profiles_after
-- Lists the ids of live profiles.
SELECT
    profile.id AS place, ids.id_type, ids.id, 'current' AS state, profile.braze_id, profile.external_id,
    profile.braze_id AS own_braze_id, NULL AS merged_into
FROM (
    SELECT live.id, live.braze_id, live.external_id
    FROM profile AS live
    WHERE live.workspace_id = %(workspace_id)s AND live.id > %(after)s::bigint
    ORDER BY live.id
    LIMIT %(limit)s
) AS profile
CROSS JOIN LATERAL (
    VALUES ('braze_id', profile.braze_id), ('external_id', profile.external_id)
) AS ids (id_type, id)
ORDER BY profile.id, ids.id_type

-- name: orphans_after
-- Lists the ids of merged-away profiles, with the profile that each was merged into: a live one, or one that was merged
-- away later.
SELECT
    orphan.orphan_id AS place, ids.id_type, ids.id, 'merged' AS state, survivor.braze_id, survivor.external_id,
    orphan.braze_id AS own_braze_id, coalesce(live.braze_id, later.braze_id) AS merged_into
FROM (
    SELECT redirect.orphan_id, redirect.survivor_id, redirect.braze_id, redirect.external_id
    FROM redirect
    WHERE redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id > %(after)s::bigint
    ORDER BY redirect.orphan_id
    LIMIT %(limit)s
) AS orphan
JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = orphan.orphan_id
JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id
LEFT JOIN profile AS live ON live.workspace_id = %(workspace_id)s AND live.id = orphan.survivor_id
LEFT JOIN redirect AS later ON later.workspace_id = %(workspace_id)s AND later.orphan_id = orphan.survivor_id
CROSS JOIN LATERAL (
    VALUES ('braze_id', orphan.braze_id), ('external_id', orphan.external_id)
) AS ids (id_type, id)
ORDER BY orphan.orphan_id, ids.id_type

-- name: renamed_after
-- Lists the external_ids that were renamed.
SELECT
    old.external_id AS place, 'external_id' AS id_type, old.external_id AS id,
    CASE WHEN own.id IS NULL THEN 'merged' ELSE 'renamed' END AS state,
    coalesce(own.braze_id, survivor.braze_id) AS braze_id,
    CASE WHEN own.id IS NULL THEN survivor.external_id ELSE own.external_id END AS external_id,
    coalesce(orphan.braze_id, own.braze_id, survivor.braze_id) AS own_braze_id, NULL AS merged_into
FROM (
    SELECT deprecated.external_id, deprecated.profile_id
    FROM deprecated_external_id AS deprecated
    WHERE deprecated.workspace_id = %(workspace_id)s AND deprecated.external_id > %(after)s
    ORDER BY deprecated.external_id
    LIMIT %(limit)s
) AS old
LEFT JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = old.profile_id
LEFT JOIN profile AS survivor ON survivor.workspace_id = %(workspace_id)s AND survivor.id = origin.profile_id
LEFT JOIN profile AS own ON own.workspace_id = %(workspace_id)s AND own.id = old.profile_id
LEFT JOIN redirect AS orphan ON orphan.workspace_id = %(workspace_id)s AND orphan.orphan_id = old.profile_id
ORDER BY old.external_id

-- name: deleted_after
-- Lists the braze_ids of the feed that no profile has: those of deleted profiles. Each change names one; the last one
-- that names it lists it. A change that lists none has the id null, so that the next page begins behind it.
SELECT
    change.number AS place, 'braze_id' AS id_type,
    CASE WHEN profile.id IS NULL AND redirect.orphan_id IS NULL AND later.number IS NULL THEN change.orphan_braze_id END
        AS id,
    'deleted' AS state, NULL AS braze_id, NULL AS external_id, change.orphan_braze_id AS own_braze_id,
    NULL AS merged_into
FROM (
    SELECT numbered.number, numbered.orphan_braze_id
    FROM identity_change AS numbered
    WHERE numbered.workspace_id = %(workspace_id)s AND numbered.number > %(after)s::bigint
    ORDER BY numbered.number
    LIMIT %(limit)s
) AS change
LEFT JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.braze_id = change.orphan_braze_id
LEFT JOIN redirect ON redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = change.orphan_braze_id
LEFT JOIN LATERAL (
    SELECT other.number
    FROM identity_change AS other
    WHERE other.workspace_id = %(workspace_id)s AND other.orphan_braze_id = change.orphan_braze_id
        AND other.orphan_braze_id IS NOT NULL AND other.number > change.number
    LIMIT 1
) AS later ON TRUE
ORDER BY change.number
