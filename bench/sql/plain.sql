-- name: insert_batch
-- Writes one request.
INSERT INTO batch (workspace_id, id, api_key_id, path)
VALUES (%(workspace_id)s, %(batch_id)s, %(api_key_id)s, '/users/merge')

-- name: insert_job
-- Writes one update of a request, already published: its task is sent directly.
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, published_at
)
VALUES (
    %(workspace_id)s, %(id)s, %(batch_id)s, %(index)s, 'merge', %(index)s, %(orphan)s, %(survivor)s, %(search_keys)s,
    now()
)

-- name: begin_job
-- Locks an update that is not finished, and counts the attempt.
UPDATE job
SET state = 'running', attempts = attempts + 1, started_at = clock_timestamp(), task_id = %(task_id)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state IN ('queued', 'running')
RETURNING orphan_identifier, survivor_identifier

-- name: find_by_external_id
-- Finds the profile with an external_id.
SELECT id, external_id, updated_at FROM profile WHERE workspace_id = %(workspace_id)s AND external_id = %(key)s

-- name: find_by_alias
-- Finds the profile with an alias.
SELECT profile.id, profile.external_id, profile.updated_at
FROM user_alias
JOIN profile ON profile.workspace_id = user_alias.workspace_id AND profile.id = user_alias.profile_id
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.label = %(label)s AND user_alias.name = %(key)s

-- name: find_by_email
-- Finds the profiles with an email address.
SELECT id, external_id, updated_at FROM profile WHERE workspace_id = %(workspace_id)s AND email_key = %(key)s

-- name: find_by_phone
-- Finds the profiles with a phone number.
SELECT id, external_id, updated_at FROM profile WHERE workspace_id = %(workspace_id)s AND phone_key = %(key)s

-- name: find_redirect
-- Finds the current survivor of a profile that was merged away.
SELECT origin.profile_id AS survivor_id
FROM redirect
JOIN origin ON origin.workspace_id = redirect.workspace_id AND origin.origin_id = redirect.orphan_id
WHERE redirect.workspace_id = %(workspace_id)s AND redirect.external_id = %(key)s

-- name: lock_both
-- Locks two profiles in the order of their ids and reads them.
SELECT profile.*, coalesce(alias.names, '{}') AS user_aliases, coalesce(alias.origins, '{}') AS alias_origins
FROM profile
CROSS JOIN LATERAL (
    SELECT
        jsonb_object_agg(user_alias.label, user_alias.name) AS names,
        jsonb_object_agg(user_alias.label, user_alias.origin_id) FILTER (
            WHERE user_alias.origin_id IS NOT NULL
        ) AS origins
    FROM user_alias
    WHERE user_alias.workspace_id = profile.workspace_id AND user_alias.profile_id = profile.id
) AS alias
WHERE profile.workspace_id = %(workspace_id)s AND profile.id IN (%(orphan_id)s, %(survivor_id)s)
ORDER BY profile.id
FOR UPDATE OF profile

-- name: origins_of
-- Lists the origins whose history belongs to a profile.
SELECT origin_id FROM origin WHERE workspace_id = %(workspace_id)s AND profile_id = %(orphan_id)s

-- name: drop_aliases
-- Deletes the orphan's aliases whose label the survivor has.
DELETE FROM user_alias AS theirs
WHERE theirs.workspace_id = %(workspace_id)s AND theirs.profile_id = %(orphan_id)s
    AND EXISTS (
        SELECT 1
        FROM user_alias AS ours
        WHERE ours.workspace_id = theirs.workspace_id AND ours.profile_id = %(survivor_id)s AND ours.label = theirs.label
    )

-- name: move_aliases
-- Moves the orphan's other aliases to the survivor.
UPDATE user_alias SET profile_id = %(survivor_id)s, origin_id = coalesce(origin_id, profile_id)
WHERE workspace_id = %(workspace_id)s AND profile_id = %(orphan_id)s

-- name: repoint_origins
-- Moves the history of the orphan's origins to the survivor.
UPDATE origin SET profile_id = %(survivor_id)s
WHERE workspace_id = %(workspace_id)s AND profile_id = %(orphan_id)s

-- name: add_origin
-- Moves the orphan's own history to the survivor.
INSERT INTO origin (workspace_id, origin_id, profile_id) VALUES (%(workspace_id)s, %(orphan_id)s, %(survivor_id)s)

-- name: retire_orphan
-- Deletes the orphan.
DELETE FROM profile WHERE workspace_id = %(workspace_id)s AND id = %(orphan_id)s

-- name: add_redirect
-- Records the survivor of the orphan.
INSERT INTO redirect (workspace_id, orphan_id, survivor_id, braze_id, external_id, job_id, merged_at)
VALUES (%(workspace_id)s, %(orphan_id)s, %(survivor_id)s, %(braze_id)s, %(external_id)s, %(id)s, %(at)s)

-- name: record_merge
-- Writes the audit: both profiles before the merge, and the changes.
INSERT INTO merge_record (
    workspace_id, job_id, merged_at, orphan_id, survivor_id, orphan_before, survivor_before, origins, changes
)
VALUES (
    %(workspace_id)s, %(id)s, %(at)s, %(orphan_id)s, %(survivor_id)s, %(orphan_before)s, %(survivor_before)s,
    %(origins)s, %(changes)s
)

-- name: finish_job
-- Records the outcome.
UPDATE job
SET
    state = 'finished', outcome = %(outcome)s, reason = %(reason)s, finished_at = clock_timestamp(),
    orphan_id = %(orphan_id)s, orphan_braze_id = %(orphan_braze_id)s, orphan_external_id = %(orphan_external_id)s,
    survivor_id = %(survivor_id)s, survivor_braze_id = %(survivor_braze_id)s,
    survivor_external_id = %(survivor_external_id)s,
    search_keys = search_keys || array_remove(
        ARRAY[
            %(orphan_braze_id)s, %(orphan_external_id)s, %(survivor_braze_id)s, %(survivor_external_id)s
        ]::text[],
        NULL
    )
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
