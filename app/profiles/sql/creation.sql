-- name: create_profiles
-- Creates profiles. All transactions insert external_ids in one order, so that two requests with the same external_ids
-- wait for each other instead of deadlocking. A profile whose external_id exists already is not created. The ids of
-- profiles without an external_id follow the order of the request, so that the newest one is always the last.
INSERT INTO profile AS added (
    workspace_id, braze_id, external_id, created_at, updated_at, random_bucket, email, email_key, phone, phone_e164
)
SELECT %(workspace_id)s, braze_id, external_id, now(), now(), random_bucket, email, email_key, phone, phone_e164
FROM ROWS FROM (
    jsonb_to_recordset(%(rows)s) AS (
        braze_id text, external_id text, random_bucket smallint, email text, email_key text, phone text, phone_e164 text
    )
) WITH ORDINALITY AS given (braze_id, external_id, random_bucket, email, email_key, phone, phone_e164, place)
ORDER BY external_id, place
ON CONFLICT DO NOTHING
RETURNING id, braze_id

-- name: add_aliases
-- Adds aliases to profiles. Skips an alias that exists already, and a second name under one label.
INSERT INTO user_alias AS added (workspace_id, label, name, profile_id)
SELECT home.workspace_id, label, name, profile_id
FROM workspace_home AS home
CROSS JOIN unnest(%(labels)s::text[], %(names)s::text[], %(profile_ids)s::bigint[]) AS given (label, name, profile_id)
WHERE home.workspace_id = %(workspace_id)s
ORDER BY label, name
ON CONFLICT DO NOTHING
RETURNING profile_id
