-- name: create_profiles
-- Makes profiles, in one order for all, so that two requests with the same external_ids queue up instead of
-- deadlocking. One whose external_id someone else took meanwhile is not made. Of those without one, ids follow the order
-- in which they were asked for, so that which of them is the newest is no accident.
INSERT INTO profile (
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
-- Gives aliases to profiles; an alias that is taken, and a second name under a label, are not given.
INSERT INTO user_alias (workspace_id, label, name, profile_id)
SELECT %(workspace_id)s, label, name, profile_id
FROM unnest(%(labels)s::text[], %(names)s::text[], %(profile_ids)s::bigint[]) AS given (label, name, profile_id)
ORDER BY label, name
ON CONFLICT DO NOTHING
RETURNING profile_id
