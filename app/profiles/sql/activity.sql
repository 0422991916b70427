-- name: count_events
-- Counts a profile's custom events of one name in the last days, under its own id and under the origins of every profile
-- merged into it. Returns no row when no live profile has the braze_id.
SELECT activity.count, activity.first, activity.last
FROM profile
CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(custom_event.occurred_at) AS first, max(custom_event.occurred_at) AS last
    FROM (
        SELECT own.id AS origin_id
        FROM profile AS own
        WHERE own.workspace_id = %(workspace_id)s AND own.id = profile.id
        UNION ALL
        SELECT origin.origin_id
        FROM origin
        WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = profile.id
    ) AS own_origin
    JOIN custom_event
        ON custom_event.workspace_id = %(workspace_id)s
        AND custom_event.origin_id = own_origin.origin_id
        AND custom_event.name = %(name)s
        AND custom_event.occurred_at > now() - make_interval(hours => 24 * %(days)s)
        AND (%(property)s::text IS NULL OR custom_event.properties ->> %(property)s = %(value)s)
) AS activity
WHERE profile.workspace_id = %(workspace_id)s AND profile.braze_id = %(braze_id)s

-- name: count_purchases
-- Counts a profile's purchases of one product or of all in the last days, and sums the money spent, under the same
-- origins as count_events. Returns no row when no live profile has the braze_id.
SELECT activity.count, activity.first, activity.last, activity.cents
FROM profile
CROSS JOIN LATERAL (
    SELECT
        count(*) AS count,
        min(purchase.occurred_at) AS first,
        max(purchase.occurred_at) AS last,
        coalesce(sum(purchase.price_cents), 0) AS cents  -- numeric: the sum can exceed bigint
    FROM (
        SELECT own.id AS origin_id
        FROM profile AS own
        WHERE own.workspace_id = %(workspace_id)s AND own.id = profile.id
        UNION ALL
        SELECT origin.origin_id
        FROM origin
        WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = profile.id
    ) AS own_origin
    JOIN purchase
        ON purchase.workspace_id = %(workspace_id)s
        AND purchase.origin_id = own_origin.origin_id
        AND (%(name)s::text IS NULL OR purchase.product_id = %(name)s)
        AND purchase.occurred_at > now() - make_interval(hours => 24 * %(days)s)
        AND (%(property)s::text IS NULL OR purchase.properties ->> %(property)s = %(value)s)
) AS activity
WHERE profile.workspace_id = %(workspace_id)s AND profile.braze_id = %(braze_id)s
