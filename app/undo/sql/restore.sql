-- name: restore_profile
-- Makes a profile again that was merged away, with the ids that it had, given as JSON of its row.
INSERT INTO profile (
    workspace_id, id, braze_id, external_id, created_at, updated_at, random_bucket, control_group,
    marked_for_deletion_at, absorbed_on, absorbed_count, first_name, last_name, gender, dob, home_city, country,
    language, time_zone, facebook, twitter, current_location, test_user, email, email_key, email_encrypted,
    email_subscription, email_open_tracking_disabled, email_click_tracking_disabled, marked_email_as_spam_at, phone,
    phone_e164, push_subscription, push_tokens, devices, subscription_groups, session_count, first_session_at,
    last_session_at, apps, custom_attributes, custom_events, purchases, purchase_count, revenue_cents,
    first_purchase_at, last_purchase_at, campaigns_received, canvases_received, last_interactions
)
SELECT
    workspace_id, id, braze_id, external_id, created_at, updated_at, random_bucket, control_group,
    marked_for_deletion_at, absorbed_on, absorbed_count, first_name, last_name, gender, dob, home_city, country,
    language, time_zone, facebook, twitter, current_location, test_user, email, email_key, email_encrypted,
    email_subscription, email_open_tracking_disabled, email_click_tracking_disabled, marked_email_as_spam_at, phone,
    phone_e164, push_subscription, push_tokens, devices, subscription_groups, session_count, first_session_at,
    last_session_at, apps, custom_attributes, custom_events, purchases, purchase_count, revenue_cents,
    first_purchase_at, last_purchase_at, campaigns_received, canvases_received, last_interactions
FROM jsonb_populate_record(NULL::profile, %(row)s)
WHERE workspace_id = %(workspace_id)s

-- name: return_origins
-- Lets the history that an orphan brought read under it again.
UPDATE origin
SET profile_id = %(orphan_id)s
WHERE workspace_id = %(workspace_id)s AND origin_id = ANY(%(origins)s) AND profile_id = %(survivor_id)s
    AND origin_id <> %(orphan_id)s

-- name: end_merge
-- Ends what the map of origins and the redirects say of an orphan that lives again.
WITH own_origin AS (
    DELETE FROM origin
    WHERE workspace_id = %(workspace_id)s AND origin_id = %(orphan_id)s
)

DELETE FROM redirect
WHERE workspace_id = %(workspace_id)s AND orphan_id = %(orphan_id)s

-- name: return_aliases
-- Takes from the survivor the aliases that it got from the orphan.
UPDATE user_alias
SET profile_id = %(orphan_id)s
FROM unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = given.label AND user_alias.name = given.name
    AND user_alias.profile_id = %(survivor_id)s

-- name: return_deprecated
-- Takes from the survivor the deprecated external_ids that it got from the orphan.
UPDATE deprecated_external_id
SET profile_id = %(orphan_id)s
WHERE workspace_id = %(workspace_id)s AND external_id = ANY(%(external_ids)s) AND profile_id = %(survivor_id)s
