-- Pairs of live profiles that are not a match.

-- name: pairs_of_profiles
-- Lists the pairs of these profiles that are excluded, also by the origins that were merged into them.
WITH own AS (
    SELECT given.id AS origin_id, given.id AS profile_id
    FROM unnest(%(ids)s::bigint[]) AS given (id)
    UNION ALL
    SELECT origin.origin_id, origin.profile_id
    FROM origin
    WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = ANY(%(ids)s::bigint[])
)

SELECT DISTINCT low.profile_id AS one, high.profile_id AS other
FROM own AS low
JOIN duplicate_exclusion AS exclusion
    ON exclusion.workspace_id = %(workspace_id)s AND exclusion.low_origin_id = low.origin_id
JOIN own AS high ON high.origin_id = exclusion.high_origin_id
WHERE low.profile_id <> high.profile_id

-- name: pairs_of_address
-- Does the same for all profiles that share an address, however many: reads the exclusions and not the profiles. Each
-- profile is probed by its id: with COALESCE instead of CASE, row-level security keeps PostgreSQL from doing so.
SELECT DISTINCT low.id AS one, high.id AS other
FROM duplicate_exclusion AS exclusion
LEFT JOIN origin AS low_origin
    ON low_origin.workspace_id = %(workspace_id)s AND low_origin.origin_id = exclusion.low_origin_id
LEFT JOIN origin AS high_origin
    ON high_origin.workspace_id = %(workspace_id)s AND high_origin.origin_id = exclusion.high_origin_id
CROSS JOIN LATERAL (
    SELECT profile.id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s
        AND profile.id
        = CASE WHEN low_origin.profile_id IS NULL THEN exclusion.low_origin_id ELSE low_origin.profile_id END
        AND %(address)s = ANY(ARRAY[profile.email_key, profile.phone_key])
    LIMIT 1
) AS low
CROSS JOIN LATERAL (
    SELECT profile.id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s
        AND profile.id
        = CASE WHEN high_origin.profile_id IS NULL THEN exclusion.high_origin_id ELSE high_origin.profile_id END
        AND %(address)s = ANY(ARRAY[profile.email_key, profile.phone_key])
    LIMIT 1
) AS high
WHERE exclusion.workspace_id = %(workspace_id)s AND low.id <> high.id
