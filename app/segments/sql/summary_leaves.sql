-- name: recent_properties
-- Finds the profiles with more, fewer or exactly a number of events, or of purchases, in the last days that have a
-- property. Reads each event of those days once, as recent_events does. %(of)s is a constant for the planner, so that it
-- reads one of the two tables. A property that is not set matches the negation of a comparison alone.
SELECT profile.id
FROM workspace_profile AS profile
LEFT JOIN (
    SELECT recent.profile_id, count(*) AS count
    FROM (
        SELECT coalesce(origin.profile_id, custom_event.origin_id) AS profile_id, custom_event.properties
        FROM custom_event
        LEFT JOIN origin
            ON origin.workspace_id = custom_event.workspace_id AND origin.origin_id = custom_event.origin_id
        WHERE custom_event.workspace_id = %(workspace_id)s
            AND %(of)s = 'custom_event'
            AND custom_event.name = %(name)s
            AND custom_event.occurred_at > now() - make_interval(hours => 24 * %(days)s)
        UNION ALL
        SELECT coalesce(origin.profile_id, purchase.origin_id), purchase.properties
        FROM purchase
        LEFT JOIN origin ON origin.workspace_id = purchase.workspace_id AND origin.origin_id = purchase.origin_id
        WHERE purchase.workspace_id = %(workspace_id)s
            AND %(of)s = 'purchase'
            AND (%(name)s::text IS NULL OR purchase.product_id = %(name)s)
            AND purchase.occurred_at > now() - make_interval(hours => 24 * %(days)s)
    ) AS recent
    CROSS JOIN LATERAL (
        SELECT recent.properties -> %(property)s::text AS json, recent.properties ->> %(property)s::text AS text
    ) AS written
    WHERE (
        CASE %(comparison)s
            WHEN 'equals' THEN written.json = %(json)s::jsonb
            WHEN 'includes_value' THEN written.json @> %(json)s::jsonb
            WHEN 'exists' THEN written.json NOT IN ('""', '[]', 'null')
            WHEN 'matches_regex' THEN jsonb_typeof(written.json) = 'string' AND written.text ~* %(pattern)s
            WHEN 'does_not_match_regex' THEN jsonb_typeof(written.json) = 'string' AND written.text !~* %(pattern)s
            WHEN 'time' THEN
                CASE
                    WHEN written.text LIKE '____-__-__%%' AND pg_input_is_valid(written.text, 'timestamptz')
                        THEN written.text::timestamptz > %(after)s::timestamptz
                            AND written.text::timestamptz < %(before)s::timestamptz
                END
            ELSE
                CASE
                    WHEN jsonb_typeof(written.json) = 'number'
                        THEN CASE %(comparison)s
                            WHEN 'greater_than' THEN written.text::numeric > %(number)s::numeric
                            WHEN 'greater_than_or_equal_to' THEN written.text::numeric >= %(number)s::numeric
                            WHEN 'less_than' THEN written.text::numeric < %(number)s::numeric
                            WHEN 'less_than_or_equal_to' THEN written.text::numeric <= %(number)s::numeric
                        END
                END
        END IS TRUE
    ) <> %(negated)s
    GROUP BY 1
) AS leaf ON leaf.profile_id = profile.id
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(count_comparison)s
    WHEN 'more_than' THEN coalesce(leaf.count, 0) > %(count)s
    WHEN 'less_than' THEN coalesce(leaf.count, 0) < %(count)s
    WHEN 'exactly' THEN coalesce(leaf.count, 0) = %(count)s
END

-- name: summary_count
-- Finds the profiles by a count of a summary: of an event, a product or the sessions of an app. Without an entry it is 0.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        coalesce((
            CASE %(document)s
                WHEN 'custom_events' THEN profile.custom_events
                WHEN 'purchases' THEN profile.purchases
                WHEN 'apps' THEN profile.apps
            END #>> %(path)s::text[]
        )::numeric, 0) AS count
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'more_than' THEN leaf.count > %(value)s
    WHEN 'less_than' THEN leaf.count < %(value)s
    WHEN 'exactly' THEN leaf.count = %(value)s
END

-- name: summary_time
-- Finds the profiles by a time of a summary that is between two others. Without OFFSET 0, because it made a scan of a
-- million profiles twice as slow.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        (
            CASE %(document)s
                WHEN 'custom_events' THEN profile.custom_events
                WHEN 'purchases' THEN profile.purchases
                WHEN 'apps' THEN profile.apps
                WHEN 'campaigns_received' THEN profile.campaigns_received
                WHEN 'canvases_received' THEN profile.canvases_received
                WHEN 'last_interactions' THEN profile.last_interactions
            END #>> %(path)s::text[]
        )::timestamptz AS moment
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.moment > %(after)s::timestamptz AND leaf.moment < %(before)s::timestamptz

-- name: summary_text
-- Finds the profiles by a text of an app or of a received message.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        CASE %(document)s
            WHEN 'apps' THEN profile.apps
            WHEN 'campaigns_received' THEN profile.campaigns_received
            WHEN 'canvases_received' THEN profile.canvases_received
        END #>> %(path)s::text[] AS text
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'equals' THEN leaf.text = %(value)s
    WHEN 'exists' THEN leaf.text <> ''
    WHEN 'matches_regex' THEN leaf.text ~* %(value)s
    WHEN 'does_not_match_regex' THEN leaf.text !~* %(value)s
END

-- name: summary_is
-- Finds the profiles by a value of a received message that is true or false.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        CASE %(document)s
            WHEN 'campaigns_received' THEN profile.campaigns_received
            WHEN 'canvases_received' THEN profile.canvases_received
        END #> %(path)s::text[] AS json
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.json = %(value)s::jsonb

-- name: summary_exists
-- Finds the profiles that did something with a message: its time or true is in the summary.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        CASE %(document)s
            WHEN 'campaigns_received' THEN profile.campaigns_received
            WHEN 'canvases_received' THEN profile.canvases_received
        END #> %(path)s::text[] AS json
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.json NOT IN ('null', 'false')

-- name: device_compares
-- Finds the profiles that have a device with a text: equal to another, not empty, or matching a regular expression.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        bool_or(
            CASE %(comparison)s
                WHEN 'equals' THEN device.text = %(value)s
                WHEN 'exists' THEN device.text <> ''
                WHEN 'matches_regex' THEN device.text ~* %(value)s
                WHEN 'does_not_match_regex' THEN device.text !~* %(value)s
            END
        ) AS holds
    FROM (
        SELECT entry.value ->> %(field)s::text AS text
        FROM jsonb_each(profile.devices) AS entry
    ) AS device
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.holds

-- name: alias_exists
-- Finds the profiles with an alias under a label, by the primary key of the aliases.
SELECT profile.id
FROM workspace_profile AS profile
LEFT JOIN user_alias AS leaf
    ON leaf.workspace_id = %(workspace_id)s AND leaf.profile_id = profile.id AND leaf.label = %(label)s
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.name IS NOT NULL

-- name: alias_equals
-- Finds the profile with an alias, by the primary key of the aliases.
SELECT profile.id
FROM workspace_profile AS profile
LEFT JOIN user_alias AS leaf
    ON leaf.workspace_id = %(workspace_id)s AND leaf.profile_id = profile.id AND leaf.label = %(label)s
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.name = %(value)s

-- name: alias_matches
-- Finds the profiles whose alias under a label has a name that matches a regular expression, or one that does not.
SELECT profile.id
FROM workspace_profile AS profile
LEFT JOIN user_alias AS leaf
    ON leaf.workspace_id = %(workspace_id)s AND leaf.profile_id = profile.id AND leaf.label = %(label)s
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'matches_regex' THEN leaf.name ~* %(value)s
    WHEN 'does_not_match_regex' THEN leaf.name !~* %(value)s
END

-- name: subscription_group_is
-- Finds the profiles by their state in a subscription group; without a state it is "unknown".
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND coalesce(profile.subscription_groups ->> %(group)s::text, 'unknown') = %(value)s
