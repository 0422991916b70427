-- name: recall_events
-- The first or the last time of custom events of one name, between two times: one index probe for each origin, however
-- long its history is.
SELECT asked.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(asked)s) AS asked (
    place integer, key text, newest boolean, since timestamptz, until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS staying (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT occurred_at AS at
        FROM custom_event
        WHERE NOT asked.newest
            AND custom_event.workspace_id = %(workspace_id)s AND custom_event.origin_id = staying.origin_id
            AND custom_event.name = asked.key
            AND custom_event.occurred_at BETWEEN asked.since AND asked.until
        ORDER BY custom_event.occurred_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT occurred_at AS at
        FROM custom_event
        WHERE asked.newest
            AND custom_event.workspace_id = %(workspace_id)s AND custom_event.origin_id = staying.origin_id
            AND custom_event.name = asked.key
            AND custom_event.occurred_at BETWEEN asked.since AND asked.until
        ORDER BY custom_event.occurred_at DESC
        LIMIT 1
    )
) AS found
GROUP BY asked.place

-- name: recall_purchases
-- The same of purchases of one product.
SELECT asked.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(asked)s) AS asked (
    place integer, key text, newest boolean, since timestamptz, until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS staying (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT occurred_at AS at
        FROM purchase
        WHERE NOT asked.newest
            AND purchase.workspace_id = %(workspace_id)s AND purchase.origin_id = staying.origin_id
            AND purchase.product_id = asked.key
            AND purchase.occurred_at BETWEEN asked.since AND asked.until
        ORDER BY purchase.occurred_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT occurred_at AS at
        FROM purchase
        WHERE asked.newest
            AND purchase.workspace_id = %(workspace_id)s AND purchase.origin_id = staying.origin_id
            AND purchase.product_id = asked.key
            AND purchase.occurred_at BETWEEN asked.since AND asked.until
        ORDER BY purchase.occurred_at DESC
        LIMIT 1
    )
) AS found
GROUP BY asked.place

-- name: recall_sessions
-- The same of sessions of one app.
SELECT asked.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(asked)s) AS asked (
    place integer, key text, newest boolean, since timestamptz, until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS staying (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT started_at AS at
        FROM session
        WHERE NOT asked.newest
            AND session.workspace_id = %(workspace_id)s AND session.origin_id = staying.origin_id
            AND session.app_id = asked.key
            AND session.started_at BETWEEN asked.since AND asked.until
        ORDER BY session.started_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT started_at AS at
        FROM session
        WHERE asked.newest
            AND session.workspace_id = %(workspace_id)s AND session.origin_id = staying.origin_id
            AND session.app_id = asked.key
            AND session.started_at BETWEEN asked.since AND asked.until
        ORDER BY session.started_at DESC
        LIMIT 1
    )
) AS found
GROUP BY asked.place

-- name: recall_engagements
-- The same of engagements of one kind with one message, or one step of it. Whatever else happened with the message is passed on the
-- way.
SELECT asked.place, min(found.at) AS first, max(found.at) AS last
FROM jsonb_to_recordset(%(asked)s) AS asked (
    place integer, kind text, key text, event text, step text, newest boolean, since timestamptz,
    until timestamptz
)
CROSS JOIN unnest(%(origin_ids)s::bigint[]) AS staying (origin_id)
CROSS JOIN LATERAL (
    (
        SELECT occurred_at AS at
        FROM engagement
        WHERE NOT asked.newest
            AND engagement.workspace_id = %(workspace_id)s AND engagement.origin_id = staying.origin_id
            AND engagement.kind = asked.kind AND engagement.message_id = asked.key AND engagement.event = asked.event
            AND (asked.step IS NULL OR engagement.properties ->> 'step_id' = asked.step)
            AND engagement.occurred_at BETWEEN asked.since AND asked.until
        ORDER BY engagement.occurred_at
        LIMIT 1
    )
    UNION ALL
    (
        SELECT occurred_at AS at
        FROM engagement
        WHERE asked.newest
            AND engagement.workspace_id = %(workspace_id)s AND engagement.origin_id = staying.origin_id
            AND engagement.kind = asked.kind AND engagement.message_id = asked.key AND engagement.event = asked.event
            AND (asked.step IS NULL OR engagement.properties ->> 'step_id' = asked.step)
            AND engagement.occurred_at BETWEEN asked.since AND asked.until
        ORDER BY engagement.occurred_at DESC
        LIMIT 1
    )
) AS found
GROUP BY asked.place
