-- Queries of the recomputation of stored comparison keys.

-- name: workspaces_to_recompute
-- Lists the workspaces with an unfinished recomputation.
SELECT workspace_id FROM workspaces_to_recompute()

-- name: lock_recomputation
-- Locks and reads the progress of a workspace; no row while another relay works on it, or once it is finished.
SELECT cursor, is_last_pass
FROM key_recomputation
WHERE workspace_id = %(workspace_id)s AND finished_at IS NULL
FOR UPDATE SKIP LOCKED

-- name: save_recomputation
-- Records the progress of a workspace.
UPDATE key_recomputation
SET cursor = %(cursor)s, is_last_pass = %(is_last_pass)s
WHERE workspace_id = %(workspace_id)s

-- name: finish_recomputation
-- Records that all keys of a workspace follow the current rules.
UPDATE key_recomputation
SET finished_at = now()
WHERE workspace_id = %(workspace_id)s

-- name: read_addresses
-- Reads the addresses of the next profiles and their stored keys, by id.
SELECT id, email, email_key, phone, phone_e164
FROM profile
WHERE workspace_id = %(workspace_id)s AND id > %(cursor)s
ORDER BY id
LIMIT %(limit)s

-- name: write_keys
-- Writes the keys of locked profiles. Their updated_at stays: nothing that a client sent has changed.
UPDATE profile
SET email_key = given.email_key, phone_e164 = given.phone_e164
FROM unnest(%(ids)s::bigint[], %(email_keys)s::text[], %(phones)s::text[]) AS given (id, email_key, phone_e164)
WHERE profile.workspace_id = %(workspace_id)s AND profile.id = given.id

-- name: record_key_changes
-- Records which keys changed, for the report. A key that changes again keeps its first value as the former one.
INSERT INTO key_change (workspace_id, profile_id, kind, former_key, current_key)
SELECT progress.workspace_id, given.profile_id, given.kind, given.former_key, given.current_key
FROM key_recomputation AS progress
CROSS JOIN unnest(%(ids)s::bigint[], %(kinds)s::text[], %(former)s::text[], %(current)s::text[])
    AS given (profile_id, kind, former_key, current_key)
WHERE progress.workspace_id = %(workspace_id)s
ON CONFLICT (workspace_id, profile_id, kind) DO UPDATE SET current_key = excluded.current_key

-- name: older_processes
-- Counts the connections of web and workers that compare by older rules: they may still write such keys.
SELECT count(*) AS connections
FROM pg_stat_activity
WHERE datname = current_database()
    AND split_part(application_name, '/', 1) IN ('mergelane-web', 'mergelane-worker')
    AND coalesce(substring(application_name FROM '/(\d{1,9})$')::integer, 1) < %(comparison)s

-- name: read_recomputation
-- Reads the progress of a workspace: whether it has one, and whether it is finished.
SELECT finished_at, (SELECT count(*) FROM key_change WHERE workspace_id = %(workspace_id)s) AS changes
FROM key_recomputation
WHERE workspace_id = %(workspace_id)s

-- name: separated_groups
-- Lists groups of profiles that shared a key and no longer do, the largest first, with braze_ids.
WITH member AS (
    SELECT change.kind, change.former_key, change.current_key, profile.braze_id
    FROM key_change AS change
    INNER JOIN profile
        ON profile.workspace_id = %(workspace_id)s AND profile.id = change.profile_id
    WHERE change.workspace_id = %(workspace_id)s
    UNION
    SELECT change.kind, change.former_key, change.former_key, profile.braze_id
    FROM key_change AS change
    INNER JOIN profile
        ON profile.workspace_id = %(workspace_id)s
        AND CASE change.kind WHEN 'email' THEN profile.email_key ELSE profile.phone_key END = change.former_key
    WHERE change.workspace_id = %(workspace_id)s
)

SELECT kind, count(*) OVER () AS groups, array_agg(braze_id ORDER BY braze_id) AS braze_ids
FROM member
GROUP BY kind, former_key
HAVING count(*) > 1 AND (count(DISTINCT current_key) > 1 OR bool_or(current_key IS NULL))
ORDER BY count(*) DESC, min(braze_id)
LIMIT %(limit)s

-- name: joined_groups
-- Lists groups of profiles that share a key now and did not before, the largest first, with braze_ids.
WITH member AS (
    SELECT change.kind, change.current_key, change.former_key, profile.braze_id
    FROM key_change AS change
    INNER JOIN profile
        ON profile.workspace_id = %(workspace_id)s AND profile.id = change.profile_id
    WHERE change.workspace_id = %(workspace_id)s AND change.current_key IS NOT NULL
    UNION
    SELECT change.kind, change.current_key, change.current_key, profile.braze_id
    FROM key_change AS change
    INNER JOIN profile
        ON profile.workspace_id = %(workspace_id)s
        AND CASE change.kind WHEN 'email' THEN profile.email_key ELSE profile.phone_e164 END = change.current_key
        AND NOT EXISTS (
            SELECT 1
            FROM key_change AS own
            WHERE own.workspace_id = %(workspace_id)s AND own.profile_id = profile.id AND own.kind = change.kind
        )
    WHERE change.workspace_id = %(workspace_id)s AND change.current_key IS NOT NULL
)

SELECT kind, count(*) OVER () AS groups, array_agg(braze_id ORDER BY braze_id) AS braze_ids
FROM member
GROUP BY kind, current_key
HAVING count(DISTINCT former_key) > 1
ORDER BY count(*) DESC, min(braze_id)
LIMIT %(limit)s

-- name: prune_key_changes
-- Deletes changes of keys that are older than the retention time of the audit, up to a limit.
DELETE FROM key_change
WHERE workspace_id = %(workspace_id)s AND profile_id IN (
    SELECT old.profile_id
    FROM key_change AS old
    WHERE old.workspace_id = %(workspace_id)s AND old.changed_at < now() - %(age)s::interval
    LIMIT %(limit)s
)
