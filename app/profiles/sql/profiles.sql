-- name: lock_profiles
-- Locks profiles in ascending id order, whatever their role, so that two merges wait for each other instead of
-- deadlocking.
SELECT id
FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
ORDER BY id
FOR UPDATE

-- name: load_profiles
-- Reads profiles with their aliases.
SELECT
    profile.*,
    coalesce(
        (
            SELECT jsonb_object_agg(user_alias.label, user_alias.name)
            FROM user_alias
            WHERE user_alias.workspace_id = profile.workspace_id AND user_alias.profile_id = profile.id
        ),
        '{}'
    ) AS user_aliases
FROM profile
WHERE profile.workspace_id = %(workspace_id)s AND profile.id = ANY(%(ids)s)

-- name: save_profiles
-- Writes every column that can change. The profiles are a JSON array of rows.
UPDATE profile
SET
    external_id = given.external_id,
    updated_at = given.updated_at,
    control_group = given.control_group,
    marked_for_deletion_at = given.marked_for_deletion_at,
    absorbed_on = given.absorbed_on,
    absorbed_count = given.absorbed_count,
    first_name = given.first_name,
    last_name = given.last_name,
    gender = given.gender,
    dob = given.dob,
    home_city = given.home_city,
    country = given.country,
    language = given.language,
    time_zone = given.time_zone,
    facebook = given.facebook,
    twitter = given.twitter,
    current_location = given.current_location,
    test_user = given.test_user,
    email = given.email,
    email_key = given.email_key,
    email_encrypted = given.email_encrypted,
    email_subscription = given.email_subscription,
    email_open_tracking_disabled = given.email_open_tracking_disabled,
    email_click_tracking_disabled = given.email_click_tracking_disabled,
    marked_email_as_spam_at = given.marked_email_as_spam_at,
    phone = given.phone,
    phone_e164 = given.phone_e164,
    push_subscription = given.push_subscription,
    push_tokens = given.push_tokens,
    devices = given.devices,
    subscription_groups = given.subscription_groups,
    session_count = given.session_count,
    first_session_at = given.first_session_at,
    last_session_at = given.last_session_at,
    apps = given.apps,
    custom_attributes = given.custom_attributes,
    custom_events = given.custom_events,
    purchases = given.purchases,
    purchase_count = given.purchase_count,
    revenue_cents = given.revenue_cents,
    first_purchase_at = given.first_purchase_at,
    last_purchase_at = given.last_purchase_at,
    campaigns_received = given.campaigns_received,
    canvases_received = given.canvases_received,
    last_interactions = given.last_interactions
FROM jsonb_populate_recordset(NULL::profile, %(rows)s) AS given
WHERE profile.workspace_id = %(workspace_id)s AND profile.id = given.id
