-- name: newest_events
-- Reads the newest custom events of a live profile before a place in its history, under its own id and under the
-- origins of every profile merged into it. `series` walks the names of each origin by index probes; of each name, only
-- a page is read.
WITH RECURSIVE own_origin AS (
    SELECT profile.id AS origin_id, profile.braze_id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id = %(profile_id)s
    UNION ALL
    SELECT origin.origin_id, redirect.braze_id
    FROM origin
    JOIN redirect ON redirect.workspace_id = origin.workspace_id AND redirect.orphan_id = origin.origin_id
    WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = %(profile_id)s
),
series AS (
    SELECT own_origin.origin_id, own_origin.braze_id, next_series.name
    FROM own_origin
    CROSS JOIN LATERAL (
        SELECT custom_event.name
        FROM custom_event
        WHERE custom_event.workspace_id = %(workspace_id)s AND custom_event.origin_id = own_origin.origin_id
        ORDER BY custom_event.name
        LIMIT 1
    ) AS next_series
    UNION ALL
    SELECT series.origin_id, series.braze_id, next_series.name
    FROM series
    CROSS JOIN LATERAL (
        SELECT custom_event.name
        FROM custom_event
        WHERE custom_event.workspace_id = %(workspace_id)s
            AND custom_event.origin_id = series.origin_id
            AND custom_event.name > series.name
        ORDER BY custom_event.name
        LIMIT 1
    ) AS next_series
)
SELECT series.braze_id AS origin, item.occurred_at AS time, item.id, item.name, item.app_id, item.properties
FROM series
CROSS JOIN LATERAL (
    SELECT custom_event.occurred_at, custom_event.id, custom_event.name, custom_event.app_id, custom_event.properties
    FROM custom_event
    WHERE custom_event.workspace_id = %(workspace_id)s
        AND custom_event.origin_id = series.origin_id
        AND custom_event.name = series.name
        AND custom_event.occurred_at >= %(since)s
        AND (custom_event.occurred_at, custom_event.id) < (%(before)s, %(before_id)s)
    ORDER BY custom_event.occurred_at DESC, custom_event.id DESC
    LIMIT %(limit)s
) AS item
ORDER BY item.occurred_at DESC, item.id DESC
LIMIT %(limit)s

-- name: newest_purchases
-- As newest_events, for purchases; a series is a product of an origin.
WITH RECURSIVE own_origin AS (
    SELECT profile.id AS origin_id, profile.braze_id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id = %(profile_id)s
    UNION ALL
    SELECT origin.origin_id, redirect.braze_id
    FROM origin
    JOIN redirect ON redirect.workspace_id = origin.workspace_id AND redirect.orphan_id = origin.origin_id
    WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = %(profile_id)s
),
series AS (
    SELECT own_origin.origin_id, own_origin.braze_id, next_series.product_id
    FROM own_origin
    CROSS JOIN LATERAL (
        SELECT purchase.product_id
        FROM purchase
        WHERE purchase.workspace_id = %(workspace_id)s AND purchase.origin_id = own_origin.origin_id
        ORDER BY purchase.product_id
        LIMIT 1
    ) AS next_series
    UNION ALL
    SELECT series.origin_id, series.braze_id, next_series.product_id
    FROM series
    CROSS JOIN LATERAL (
        SELECT purchase.product_id
        FROM purchase
        WHERE purchase.workspace_id = %(workspace_id)s
            AND purchase.origin_id = series.origin_id
            AND purchase.product_id > series.product_id
        ORDER BY purchase.product_id
        LIMIT 1
    ) AS next_series
)
SELECT
    series.braze_id AS origin, item.occurred_at AS time, item.id, item.product_id, item.currency, item.price_cents,
    item.app_id, item.properties
FROM series
CROSS JOIN LATERAL (
    SELECT
        purchase.occurred_at, purchase.id, purchase.product_id, purchase.currency, purchase.price_cents,
        purchase.app_id, purchase.properties
    FROM purchase
    WHERE purchase.workspace_id = %(workspace_id)s
        AND purchase.origin_id = series.origin_id
        AND purchase.product_id = series.product_id
        AND purchase.occurred_at >= %(since)s
        AND (purchase.occurred_at, purchase.id) < (%(before)s, %(before_id)s)
    ORDER BY purchase.occurred_at DESC, purchase.id DESC
    LIMIT %(limit)s
) AS item
ORDER BY item.occurred_at DESC, item.id DESC
LIMIT %(limit)s

-- name: newest_sessions
-- As newest_events, for sessions; a series is an app of an origin.
WITH RECURSIVE own_origin AS (
    SELECT profile.id AS origin_id, profile.braze_id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id = %(profile_id)s
    UNION ALL
    SELECT origin.origin_id, redirect.braze_id
    FROM origin
    JOIN redirect ON redirect.workspace_id = origin.workspace_id AND redirect.orphan_id = origin.origin_id
    WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = %(profile_id)s
),
series AS (
    SELECT own_origin.origin_id, own_origin.braze_id, next_series.app_id
    FROM own_origin
    CROSS JOIN LATERAL (
        SELECT session.app_id
        FROM session
        WHERE session.workspace_id = %(workspace_id)s AND session.origin_id = own_origin.origin_id
        ORDER BY session.app_id
        LIMIT 1
    ) AS next_series
    UNION ALL
    SELECT series.origin_id, series.braze_id, next_series.app_id
    FROM series
    CROSS JOIN LATERAL (
        SELECT session.app_id
        FROM session
        WHERE session.workspace_id = %(workspace_id)s
            AND session.origin_id = series.origin_id
            AND session.app_id > series.app_id
        ORDER BY session.app_id
        LIMIT 1
    ) AS next_series
)
SELECT series.braze_id AS origin, item.started_at AS time, item.id, item.app_id, item.ended_at
FROM series
CROSS JOIN LATERAL (
    SELECT session.started_at, session.id, session.app_id, session.ended_at
    FROM session
    WHERE session.workspace_id = %(workspace_id)s
        AND session.origin_id = series.origin_id
        AND session.app_id = series.app_id
        AND session.started_at >= %(since)s
        AND (session.started_at, session.id) < (%(before)s, %(before_id)s)
    ORDER BY session.started_at DESC, session.id DESC
    LIMIT %(limit)s
) AS item
ORDER BY item.started_at DESC, item.id DESC
LIMIT %(limit)s

-- name: newest_engagements
-- As newest_events, for engagements; a series is a message of an origin.
WITH RECURSIVE own_origin AS (
    SELECT profile.id AS origin_id, profile.braze_id
    FROM profile
    WHERE profile.workspace_id = %(workspace_id)s AND profile.id = %(profile_id)s
    UNION ALL
    SELECT origin.origin_id, redirect.braze_id
    FROM origin
    JOIN redirect ON redirect.workspace_id = origin.workspace_id AND redirect.orphan_id = origin.origin_id
    WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = %(profile_id)s
),
series AS (
    SELECT own_origin.origin_id, own_origin.braze_id, next_series.kind, next_series.message_id
    FROM own_origin
    CROSS JOIN LATERAL (
        SELECT engagement.kind, engagement.message_id
        FROM engagement
        WHERE engagement.workspace_id = %(workspace_id)s AND engagement.origin_id = own_origin.origin_id
        ORDER BY engagement.kind, engagement.message_id
        LIMIT 1
    ) AS next_series
    UNION ALL
    SELECT series.origin_id, series.braze_id, next_series.kind, next_series.message_id
    FROM series
    CROSS JOIN LATERAL (
        SELECT engagement.kind, engagement.message_id
        FROM engagement
        WHERE engagement.workspace_id = %(workspace_id)s
            AND engagement.origin_id = series.origin_id
            AND (engagement.kind, engagement.message_id) > (series.kind, series.message_id)
        ORDER BY engagement.kind, engagement.message_id
        LIMIT 1
    ) AS next_series
)
SELECT
    series.braze_id AS origin, item.occurred_at AS time, item.id, item.kind AS message_kind, item.message_id,
    item.event, item.name, item.properties
FROM series
CROSS JOIN LATERAL (
    SELECT
        engagement.occurred_at, engagement.id, engagement.kind, engagement.message_id, engagement.event,
        engagement.name, engagement.properties
    FROM engagement
    WHERE engagement.workspace_id = %(workspace_id)s
        AND engagement.origin_id = series.origin_id
        AND engagement.kind = series.kind
        AND engagement.message_id = series.message_id
        AND engagement.occurred_at >= %(since)s
        AND (engagement.occurred_at, engagement.id) < (%(before)s, %(before_id)s)
    ORDER BY engagement.occurred_at DESC, engagement.id DESC
    LIMIT %(limit)s
) AS item
ORDER BY item.occurred_at DESC, item.id DESC
LIMIT %(limit)s
