-- name: find_events
-- Finds the first or the last custom event of one name between two times, with one index probe per origin.
SELECT lookup.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(lookups)s) AS lookup (
    place integer, key text, newest boolean, since timestamptz, until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS origin_list (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT occurred_at AS at
        FROM custom_event
        WHERE NOT lookup.newest
            AND custom_event.workspace_id = %(workspace_id)s AND custom_event.origin_id = origin_list.origin_id
            AND custom_event.name = lookup.key
            AND custom_event.occurred_at BETWEEN lookup.since AND lookup.until
        ORDER BY custom_event.occurred_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT occurred_at AS at
        FROM custom_event
        WHERE lookup.newest
            AND custom_event.workspace_id = %(workspace_id)s AND custom_event.origin_id = origin_list.origin_id
            AND custom_event.name = lookup.key
            AND custom_event.occurred_at BETWEEN lookup.since AND lookup.until
        ORDER BY custom_event.occurred_at DESC
        LIMIT 1
    )
) AS found
GROUP BY lookup.place

-- name: find_purchases
-- Finds the first or the last purchase of one product, likewise.
SELECT lookup.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(lookups)s) AS lookup (
    place integer, key text, newest boolean, since timestamptz, until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS origin_list (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT occurred_at AS at
        FROM purchase
        WHERE NOT lookup.newest
            AND purchase.workspace_id = %(workspace_id)s AND purchase.origin_id = origin_list.origin_id
            AND purchase.product_id = lookup.key
            AND purchase.occurred_at BETWEEN lookup.since AND lookup.until
        ORDER BY purchase.occurred_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT occurred_at AS at
        FROM purchase
        WHERE lookup.newest
            AND purchase.workspace_id = %(workspace_id)s AND purchase.origin_id = origin_list.origin_id
            AND purchase.product_id = lookup.key
            AND purchase.occurred_at BETWEEN lookup.since AND lookup.until
        ORDER BY purchase.occurred_at DESC
        LIMIT 1
    )
) AS found
GROUP BY lookup.place

-- name: find_sessions
-- Finds the first or the last session of one app, likewise.
SELECT lookup.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(lookups)s) AS lookup (
    place integer, key text, newest boolean, since timestamptz, until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS origin_list (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT started_at AS at
        FROM session
        WHERE NOT lookup.newest
            AND session.workspace_id = %(workspace_id)s AND session.origin_id = origin_list.origin_id
            AND session.app_id = lookup.key
            AND session.started_at BETWEEN lookup.since AND lookup.until
        ORDER BY session.started_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT started_at AS at
        FROM session
        WHERE lookup.newest
            AND session.workspace_id = %(workspace_id)s AND session.origin_id = origin_list.origin_id
            AND session.app_id = lookup.key
            AND session.started_at BETWEEN lookup.since AND lookup.until
        ORDER BY session.started_at DESC
        LIMIT 1
    )
) AS found
GROUP BY lookup.place

-- name: find_engagements
-- Finds the first or the last engagement with one message, or with one step of it, likewise. Scans the other
-- engagements with the message.
SELECT lookup.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(lookups)s) AS lookup (
    place integer, kind text, key text, event text, step text, newest boolean, since timestamptz,
    until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS origin_list (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT occurred_at AS at
        FROM engagement
        WHERE NOT lookup.newest
            AND engagement.workspace_id = %(workspace_id)s AND engagement.origin_id = origin_list.origin_id
            AND engagement.kind = lookup.kind AND engagement.message_id = lookup.key AND engagement.event = lookup.event
            AND (lookup.step IS NULL OR engagement.properties ->> 'step_id' = lookup.step)
            AND engagement.occurred_at BETWEEN lookup.since AND lookup.until
        ORDER BY engagement.occurred_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT occurred_at AS at
        FROM engagement
        WHERE lookup.newest
            AND engagement.workspace_id = %(workspace_id)s AND engagement.origin_id = origin_list.origin_id
            AND engagement.kind = lookup.kind AND engagement.message_id = lookup.key AND engagement.event = lookup.event
            AND (lookup.step IS NULL OR engagement.properties ->> 'step_id' = lookup.step)
            AND engagement.occurred_at BETWEEN lookup.since AND lookup.until
        ORDER BY engagement.occurred_at DESC
        LIMIT 1
    )
) AS found
GROUP BY lookup.place
