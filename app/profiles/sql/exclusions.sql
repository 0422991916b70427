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
-- Does the same for all profiles that share an address, however many: reads the exclusions and not the profiles.
SELECT DISTINCT low.id AS one, high.id AS other
FROM duplicate_exclusion AS exclusion
LEFT JOIN origin AS low_origin
    ON low_origin.workspace_id = %(workspace_id)s AND low_origin.origin_id = exclusion.low_origin_id
LEFT JOIN origin AS high_origin
    ON high_origin.workspace_id = %(workspace_id)s AND high_origin.origin_id = exclusion.high_origin_id
JOIN profile AS low
    ON low.workspace_id = %(workspace_id)s AND low.id = coalesce(low_origin.profile_id, exclusion.low_origin_id)
JOIN profile AS high
    ON high.workspace_id = %(workspace_id)s AND high.id = coalesce(high_origin.profile_id, exclusion.high_origin_id)
WHERE exclusion.workspace_id = %(workspace_id)s AND low.id <> high.id
    AND %(address)s IN (low.email_key, low.phone_key) AND %(address)s IN (high.email_key, high.phone_key)
