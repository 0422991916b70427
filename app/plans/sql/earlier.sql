-- The earlier merges of a plan that a page must see.

-- name: earlier_merges
-- Lists the merges of a plan that are connected with these profiles or with the profiles that have these addresses, in
-- order. "Connected" follows the merges in both directions: what a survivor has now depends on all of its orphans.
WITH RECURSIVE named AS (
    SELECT given.id
    FROM unnest(%(ids)s::bigint[]) AS given (id)
    UNION
    SELECT profile.id
    FROM unnest(%(email_keys)s::text[]) AS address (key)
    JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.email_key = address.key
    UNION
    SELECT profile.id
    FROM unnest(%(phone_keys)s::text[]) AS address (key)
    JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.phone_key = address.key
),

connected AS (
    SELECT named.id FROM named
    UNION
    SELECT neighbour.id
    FROM connected
    CROSS JOIN LATERAL (
        SELECT planned.survivor_id AS id
        FROM plan_update AS planned
        WHERE planned.workspace_id = %(workspace_id)s AND planned.orphan_id = connected.id
            AND planned.plan_id = %(plan_id)s AND planned.outcome = 'merged'
        UNION ALL
        SELECT planned.orphan_id AS id
        FROM plan_update AS planned
        WHERE planned.workspace_id = %(workspace_id)s AND planned.survivor_id = connected.id
            AND planned.plan_id = %(plan_id)s AND planned.outcome = 'merged'
    ) AS neighbour
)

SELECT planned.index, planned.orphan_id, planned.survivor_id
FROM connected
JOIN plan_update AS planned ON planned.workspace_id = %(workspace_id)s AND planned.orphan_id = connected.id
WHERE planned.plan_id = %(plan_id)s AND planned.outcome = 'merged'
ORDER BY planned.index
