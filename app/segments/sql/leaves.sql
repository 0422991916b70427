-- name: external_id_exists
-- Finds the profiles with an external_id.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND profile.external_id IS NOT NULL

-- name: external_id_missing
-- Finds the profiles without an external_id, by a partial index of them.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND profile.external_id IS NULL

-- name: external_id_equals
-- Finds the profile with an external_id, by the unique index.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND profile.external_id = %(value)s

-- name: attribute_holds
-- Finds the profiles whose custom attributes contain the given ones: an equal scalar, or an array with an equal element.
-- The index is on the same expression, which has the workspace as its outermost key.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND jsonb_set('{}', ARRAY[profile.workspace_id::text], profile.custom_attributes)
    @> jsonb_set('{}', ARRAY[%(workspace_id)s::integer::text], %(attributes)s)

-- name: attribute_is_zero
-- Finds the profiles whose custom attribute is 0 or not set: the vendor's "exactly 0".
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND coalesce(profile.custom_attributes -> %(name)s::text, '0') = '0'

-- name: attribute_exists
-- Finds the profiles with a custom attribute that is neither empty text nor an empty array.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND profile.custom_attributes -> %(name)s::text NOT IN ('""', '[]')

-- name: attribute_matches
-- Finds the profiles whose custom attribute is text that matches a regular expression, or is text that does not.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        CASE jsonb_typeof(profile.custom_attributes -> %(name)s::text)
            WHEN 'string' THEN profile.custom_attributes ->> %(name)s::text
        END AS text
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'matches_regex' THEN leaf.text ~* %(value)s
    WHEN 'does_not_match_regex' THEN leaf.text !~* %(value)s
END

-- name: attribute_compares
-- Finds the profiles whose custom attribute is a number above or below another. As at the vendor, an attribute that is
-- not set is less than any number.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        profile.custom_attributes -> %(name)s::text IS NULL AS unset,
        CASE jsonb_typeof(profile.custom_attributes -> %(name)s::text)
            WHEN 'number' THEN (profile.custom_attributes ->> %(name)s::text)::numeric
        END AS number
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'greater_than' THEN leaf.number > %(value)s
    WHEN 'greater_than_or_equal_to' THEN leaf.number >= %(value)s
    WHEN 'less_than' THEN leaf.unset OR leaf.number < %(value)s
    WHEN 'less_than_or_equal_to' THEN leaf.unset OR leaf.number <= %(value)s
END

-- name: attribute_time
-- Finds the profiles whose custom attribute is text with a time between two others. The text must start with year, month
-- and day; without a zone it is UTC. OFFSET 0 makes PostgreSQL parse each text once, not once per mention.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT profile.custom_attributes ->> %(name)s::text AS text
    OFFSET 0
) AS written
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN written.text LIKE '____-__-__%%' AND pg_input_is_valid(written.text, 'timestamptz')
                THEN written.text::timestamptz
        END AS moment
    OFFSET 0
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.moment > %(after)s::timestamptz AND leaf.moment < %(before)s::timestamptz

-- name: email_equals
-- Finds the profiles with an email address, compared by its key, by an index.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND profile.email_key = %(value)s

-- name: phone_equals
-- Finds the profiles with a phone number, compared by its E.164 form, by an index.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND profile.phone_key = %(value)s

-- name: text_compares
-- Finds the profiles whose default attribute equals a text, is not empty, or matches a regular expression.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        CASE %(name)s
            WHEN 'first_name' THEN profile.first_name
            WHEN 'last_name' THEN profile.last_name
            WHEN 'gender' THEN profile.gender
            WHEN 'home_city' THEN profile.home_city
            WHEN 'country' THEN profile.country
            WHEN 'language' THEN profile.language
            WHEN 'time_zone' THEN profile.time_zone
            WHEN 'email' THEN profile.email
            WHEN 'phone' THEN profile.phone
        END AS text
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'equals' THEN leaf.text = %(value)s
    WHEN 'exists' THEN leaf.text <> ''
    WHEN 'matches_regex' THEN leaf.text ~* %(value)s
    WHEN 'does_not_match_regex' THEN leaf.text !~* %(value)s
END

-- name: number_compares
-- Finds the profiles whose default attribute is a number, or is on one side of it.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        CASE %(name)s
            WHEN 'random_bucket' THEN profile.random_bucket
            WHEN 'session_count' THEN profile.session_count
            WHEN 'purchase_count' THEN profile.purchase_count
            WHEN 'total_revenue' THEN profile.revenue_cents / 100.0
        END AS number
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'equals' THEN leaf.number = %(value)s
    WHEN 'greater_than' THEN leaf.number > %(value)s
    WHEN 'greater_than_or_equal_to' THEN leaf.number >= %(value)s
    WHEN 'less_than' THEN leaf.number < %(value)s
    WHEN 'less_than_or_equal_to' THEN leaf.number <= %(value)s
END

-- name: time_compares
-- Finds the profiles whose default attribute is a time between two others; a date counts as its start in UTC.
SELECT profile.id
FROM workspace_profile AS profile
CROSS JOIN LATERAL (
    SELECT
        CASE %(name)s
            WHEN 'created_at' THEN profile.created_at
            WHEN 'dob' THEN profile.dob::timestamp AT TIME ZONE 'UTC'
            WHEN 'first_session' THEN profile.first_session_at
            WHEN 'last_session' THEN profile.last_session_at
            WHEN 'first_purchase' THEN profile.first_purchase_at
            WHEN 'last_purchase' THEN profile.last_purchase_at
        END AS moment
) AS leaf
WHERE profile.workspace_id = %(workspace_id)s
AND leaf.moment > %(after)s::timestamptz AND leaf.moment < %(before)s::timestamptz

-- name: test_user_equals
-- Finds the profiles that are test users, or the other profiles.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND profile.test_user = %(value)s

-- name: push_subscription_is
-- Finds the profiles by their push subscription; a state that was never set is "subscribed", as at the vendor.
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND coalesce(profile.push_subscription ->> 'state', 'subscribed') = %(value)s

-- name: email_subscription_is
-- Finds the profiles by their email subscription; a state that was never set is "subscribed".
SELECT profile.id
FROM workspace_profile AS profile
WHERE profile.workspace_id = %(workspace_id)s
AND coalesce(profile.email_subscription ->> 'state', 'subscribed') = %(value)s

-- name: recent_events
-- Finds the profiles with more, fewer or exactly a number of events in the last days. Reads each event of those days
-- once, through the map of origins: a profile's own history and that of all profiles merged into it.
SELECT profile.id
FROM workspace_profile AS profile
LEFT JOIN (
    SELECT coalesce(origin.profile_id, custom_event.origin_id) AS profile_id, count(*) AS count
    FROM custom_event
    LEFT JOIN origin
        ON origin.workspace_id = custom_event.workspace_id AND origin.origin_id = custom_event.origin_id
    WHERE custom_event.workspace_id = %(workspace_id)s
        AND custom_event.name = %(name)s
        AND custom_event.occurred_at > now() - make_interval(hours => 24 * %(days)s)
    GROUP BY 1
) AS leaf ON leaf.profile_id = profile.id
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'more_than' THEN coalesce(leaf.count, 0) > %(count)s
    WHEN 'less_than' THEN coalesce(leaf.count, 0) < %(count)s
    WHEN 'exactly' THEN coalesce(leaf.count, 0) = %(count)s
END

-- name: recent_purchases
-- Finds the profiles with more, fewer or exactly a number of purchases, of one product or of all, in the last days.
SELECT profile.id
FROM workspace_profile AS profile
LEFT JOIN (
    SELECT coalesce(origin.profile_id, purchase.origin_id) AS profile_id, count(*) AS count
    FROM purchase
    LEFT JOIN origin ON origin.workspace_id = purchase.workspace_id AND origin.origin_id = purchase.origin_id
    WHERE purchase.workspace_id = %(workspace_id)s
        AND (%(product_id)s::text IS NULL OR purchase.product_id = %(product_id)s)
        AND purchase.occurred_at > now() - make_interval(hours => 24 * %(days)s)
    GROUP BY 1
) AS leaf ON leaf.profile_id = profile.id
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'more_than' THEN coalesce(leaf.count, 0) > %(count)s
    WHEN 'less_than' THEN coalesce(leaf.count, 0) < %(count)s
    WHEN 'exactly' THEN coalesce(leaf.count, 0) = %(count)s
END

-- name: recent_revenue
-- Finds the profiles by the money that they spent in the last days, refunds subtracted.
SELECT profile.id
FROM workspace_profile AS profile
LEFT JOIN (
    SELECT coalesce(origin.profile_id, purchase.origin_id) AS profile_id, sum(purchase.price_cents) / 100.0 AS spent
    FROM purchase
    LEFT JOIN origin ON origin.workspace_id = purchase.workspace_id AND origin.origin_id = purchase.origin_id
    WHERE purchase.workspace_id = %(workspace_id)s
        AND purchase.occurred_at > now() - make_interval(hours => 24 * %(days)s)
    GROUP BY 1
) AS leaf ON leaf.profile_id = profile.id
WHERE profile.workspace_id = %(workspace_id)s
AND CASE %(comparison)s
    WHEN 'more_than' THEN coalesce(leaf.spent, 0) > %(value)s
    WHEN 'less_than' THEN coalesce(leaf.spent, 0) < %(value)s
    WHEN 'exactly' THEN coalesce(leaf.spent, 0) = %(value)s
END
